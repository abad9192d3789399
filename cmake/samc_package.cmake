# SPDX-License-Identifier: Apache-2.0
# The shared libraries, and everything that `cmake --install` writes.

# libsamc_io uses the house's inner functions (errors, memory, files), which libsamc.so does not
# export: it holds its own hidden copies. They keep no state, so that two copies do no harm.
samc_shared_library(samc_io samc_io_objects)
target_link_libraries(samc_io_shared PUBLIC samc_shared PRIVATE samc_static PkgConfig::SAMC_CODECS)

set(samc_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/samc)
install(TARGETS samc_shared samc_io_shared EXPORT samc
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS samc_static EXPORT samc_static
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS samc_io_static EXPORT samc_io_static
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT samc NAMESPACE samc:: FILE samcTargets.cmake DESTINATION ${samc_package_dir})
install(EXPORT samc_static NAMESPACE samc:: FILE samcStaticTargets.cmake
    DESTINATION ${samc_package_dir})
install(EXPORT samc_io_static NAMESPACE samc:: FILE samcStaticIoTargets.cmake
    DESTINATION ${samc_package_dir})

include(CMakePackageConfigHelpers)
list(JOIN SAMC_CODEC_MODULES " " samc_codecs)
configure_package_config_file(cmake/samcConfig.cmake.in ${CMAKE_BINARY_DIR}/samcConfig.cmake
    INSTALL_DESTINATION ${samc_package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/samcConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/samcConfig.cmake ${CMAKE_BINARY_DIR}/samcConfigVersion.cmake
    DESTINATION ${samc_package_dir})

# The .pc files find their prefix from where they lie, so that an installed tree can be moved.
file(RELATIVE_PATH samc_prefix_from_pc
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" samc_prefix_from_pc "${samc_prefix_from_pc}")
foreach(name samc samc_io)
    configure_file(cmake/${name}.pc.in ${CMAKE_BINARY_DIR}/${name}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

install(FILES include/samc.h include/samc_io.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS samc RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET samc_mpi)
    install(TARGETS samc_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/samc)
endif()
file(GLOB samc_models CONFIGURE_DEPENDS models/*.safetensors models/*.md)
install(FILES ${samc_models} DESTINATION ${CMAKE_INSTALL_DATADIR}/samc)
install(FILES README.md LICENSE NOTICE CHANGELOG.md docs/MODEL.md docs/HTTP.md
    DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/images/model.svg DESTINATION ${CMAKE_INSTALL_DOCDIR}/images)
# README.md shows it at the place where it lies in the repository.
install(FILES docs/images/astronaut_object0_mask0_overlay.png
    DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs/images)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# The man pages are what --help prints, so they cannot drift from it.
find_program(SAMC_HELP2MAN help2man)
if(SAMC_HELP2MAN)
    set(samc_man_dir ${CMAKE_BINARY_DIR}/man1)
    add_custom_command(OUTPUT ${samc_man_dir}/samc.1
        COMMAND sh ${CMAKE_SOURCE_DIR}/tools/man_pages.sh $<TARGET_FILE:samc> ${samc_man_dir}
        DEPENDS samc tools/man_pages.sh VERBATIM)
    add_custom_target(samc_man ALL DEPENDS ${samc_man_dir}/samc.1)
    install(DIRECTORY ${samc_man_dir}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
else()
    message(STATUS "help2man is not there: no man pages will be built")
endif()
