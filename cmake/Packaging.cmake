# `cpack` in a build folder packs the self-contained folder of scripts/package.sh, whose options are in TRM_PACKAGE_OPTIONS.
set(TRM_PACKAGE_OPTIONS "" CACHE STRING "Options of scripts/package.sh that cpack passes on, for example --with-cuda-libs")
set(CPACK_GENERATOR External)
set(CPACK_PACKAGE_VENDOR "the trm.cpp authors")
set(CPACK_EXTERNAL_PACKAGE_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/PackageExternal.cmake)
set(CPACK_TRM_SCRIPT ${PROJECT_SOURCE_DIR}/scripts/package.sh)
set(CPACK_TRM_BUILD ${PROJECT_BINARY_DIR})
set(CPACK_TRM_OPTIONS "${TRM_PACKAGE_OPTIONS}")
include(CPack)
