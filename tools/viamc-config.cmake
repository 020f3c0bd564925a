# SPDX-License-Identifier: MIT
# Defines viamc::viamc: the headers, and the libraries that they need. CMakeLists.txt reads it in place, find_package(viamc) installed.
#   VIAMC_NO_TLS  set it to ON before, and BearSSL is not needed
# A target bearssl or protobuf-nanopb of the project that is there already is taken instead of an installed library.
if(TARGET viamc::viamc)
  return()
endif()

add_library(viamc::viamc INTERFACE IMPORTED GLOBAL)
if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/../viamc.h")
  get_filename_component(VIAMC_INCLUDE_DIR "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
else()
  get_filename_component(VIAMC_INCLUDE_DIR "${CMAKE_CURRENT_LIST_DIR}/../../../include" ABSOLUTE)
endif()
target_include_directories(viamc::viamc INTERFACE "${VIAMC_INCLUDE_DIR}")

# Links one library: a target of that name, else the installed one with its header.
function(viamc_link library header debian)
  if(TARGET ${library})
    target_link_libraries(viamc::viamc INTERFACE ${library})
    return()
  endif()
  find_library(VIAMC_LIBRARY_${library} ${library})
  find_path(VIAMC_INCLUDE_${library} ${header})
  if(NOT VIAMC_LIBRARY_${library} OR NOT VIAMC_INCLUDE_${library})
    message(FATAL_ERROR "viamc needs ${library} (Debian: ${debian}); CMAKE_PREFIX_PATH says where else to look")
  endif()
  target_link_libraries(viamc::viamc INTERFACE "${VIAMC_LIBRARY_${library}}")
  target_include_directories(viamc::viamc INTERFACE "${VIAMC_INCLUDE_${library}}")
endfunction()

if(VIAMC_NO_TLS)
  target_compile_definitions(viamc::viamc INTERFACE VIAMC_NO_TLS)
else()
  viamc_link(bearssl bearssl.h libbearssl-dev)
endif()
viamc_link(protobuf-nanopb pb.h libnanopb-dev)
if(WIN32)
  target_link_libraries(viamc::viamc INTERFACE ws2_32 bcrypt crypt32)
endif()

# What is not used costs nothing, if the linker may drop it.
if(APPLE)
  target_link_options(viamc::viamc INTERFACE -Wl,-dead_strip)
elseif(NOT MSVC)
  target_compile_options(viamc::viamc INTERFACE -ffunction-sections -fdata-sections)
  target_link_options(viamc::viamc INTERFACE -Wl,--gc-sections)
endif()
