# What cpack runs (see Packaging.cmake).
execute_process(
  COMMAND bash ${CPACK_TRM_SCRIPT} --build ${CPACK_TRM_BUILD} --out ${CPACK_PACKAGE_DIRECTORY}/trm ${CPACK_TRM_OPTIONS}
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "scripts/package.sh failed")
endif()
