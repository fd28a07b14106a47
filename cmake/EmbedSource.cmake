# trm_embed_sources(<variable> NAMESPACE <namespace> HEADER <header> FILES a.cl ...)
# Makes a C++ file of each text file, at build time: `const Source a_cl{"a.cl", "..."}` in the namespace; <variable> receives the files made.
# <header>, relative to the repository's root, defines Source and declares the variables.
# As a script (cmake -DINPUT= -DOUTPUT= -DNAMESPACE= -DHEADER= -P): makes one of them.
if(CMAKE_SCRIPT_MODE_FILE)
  get_filename_component(name ${INPUT} NAME)
  string(REPLACE "." "_" variable ${name})
  file(READ ${INPUT} text)
  if(text MATCHES "\\)text\"")
    message(FATAL_ERROR "${INPUT} holds )text\", which ends a raw string")
  endif()
  file(WRITE ${OUTPUT} "#include \"${HEADER}\"\n\nconst ${NAMESPACE}::Source ${NAMESPACE}::${variable}{\"${name}\", R\"text(${text})text\"};\n")
  return()
endif()

set(TRM_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(trm_embed_sources variable)
  cmake_parse_arguments(ARG "" "NAMESPACE;HEADER" "FILES" ${ARGN})
  set(made "")
  foreach(file ${ARG_FILES})
    get_filename_component(name ${file} NAME)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
    add_custom_command(OUTPUT ${output} DEPENDS ${file} ${TRM_EMBED_SCRIPT}
      COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${output} -DNAMESPACE=${ARG_NAMESPACE} -DHEADER=${ARG_HEADER} -P ${TRM_EMBED_SCRIPT}
      COMMENT "Embedding ${name}" VERBATIM)
    list(APPEND made ${output})
  endforeach()
  set(${variable} ${made} PARENT_SCOPE)
endfunction()
