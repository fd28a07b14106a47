# What cpack runs (see Packaging.cmake).
separate_arguments(options UNIX_COMMAND "${CPACK_TRM_OPTIONS}")
execute_process(
  COMMAND bash ${CPACK_TRM_SCRIPT} --build ${CPACK_TRM_BUILD} --out ${CPACK_PACKAGE_DIRECTORY}/trm ${options}
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "scripts/package.sh failed")
endif()
