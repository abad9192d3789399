# SPDX-License-Identifier: Apache-2.0
# How a shared library of samc is made.

# NAME_shared: `objects`, those of the static library, behind the version script src/libNAME.map.
function(samc_shared_library name objects)
    set(target ${name}_shared)
    add_library(${target} SHARED $<TARGET_OBJECTS:${objects}>)
    set(map ${CMAKE_SOURCE_DIR}/src/lib${name}.map)
    target_link_options(${target} PRIVATE LINKER:--version-script=${map})
    # A sanitizer's own symbols are found when the program starts.
    if(NOT SAMC_SANITIZE)
        target_link_options(${target} PRIVATE LINKER:--no-undefined)
    endif()
    set_target_properties(${target} PROPERTIES
        LINKER_LANGUAGE C
        LINK_DEPENDS ${map}
        OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
        EXPORT_NAME ${name}
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR})
    target_include_directories(${target} INTERFACE
        $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()
