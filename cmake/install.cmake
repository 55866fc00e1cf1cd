# What is installed, and where. Everything finds the rest from where it lies itself, so that the prefix may be moved.
#
# Three components, which are three Debian packages: the shared library; what is built with; the command.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ---- the libraries ----

# Each in a set of its own: who links the shared one needs none of the libraries below it.
foreach(kind IN ITEMS static shared)
    install(TARGETS quipu_${kind} EXPORT quipu_${kind}
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT library
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library NAMELINK_COMPONENT development
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT quipu_${kind} NAMESPACE quipu:: FILE quipu-${kind}.cmake
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/quipu" COMPONENT development)
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/quipu" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
    FILES_MATCHING PATTERN "*.h" PATTERN "*.def")

# ---- how they are found ----

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/quipu-config.cmake.in" quipu-config.cmake
    INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/quipu" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break what was.
write_basic_package_version_file(quipu-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/quipu-config.cmake" "${PROJECT_BINARY_DIR}/quipu-config-version.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/dependencies.cmake"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/quipu" COMPONENT development)

# A folder as pkg-config is to see it: below the prefix, unless it was given as a path of its own.
function(quipu_pc_folder result folder)
    if(NOT IS_ABSOLUTE "${folder}")
        set(folder "\${prefix}/${folder}")
    endif()
    set(${result} "${folder}" PARENT_SCOPE)
endfunction()

set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    file(RELATIVE_PATH up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
endif()
quipu_pc_folder(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
quipu_pc_folder(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/quipu.pc.in" quipu.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/quipu.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

# ---- the manual ----

find_program(QUIPU_PYTHON python3)
mark_as_advanced(QUIPU_PYTHON)
file(GLOB public_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/quipu/*")
if(QUIPU_PYTHON AND TARGET quipu_command AND NOT QUIPU_SANITIZE)
    set(manual "${PROJECT_BINARY_DIR}/man")
    add_custom_command(OUTPUT "${manual}/man1/quipu.1"
        COMMAND "${CMAKE_COMMAND}" -E rm -rf "${manual}"
        COMMAND "${QUIPU_PYTHON}" "${PROJECT_SOURCE_DIR}/tools/manual.py" --source "${PROJECT_SOURCE_DIR}"
            --command $<TARGET_FILE:quipu_command> --out "${manual}"
        DEPENDS quipu_command "${PROJECT_SOURCE_DIR}/tools/manual.py" ${public_headers} VERBATIM)
    add_custom_target(quipu_manual ALL DEPENDS "${manual}/man1/quipu.1")
    install(DIRECTORY "${manual}/man1" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT command)
    install(DIRECTORY "${manual}/man3" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT development)
elseif(NOT QUIPU_PYTHON)
    message(STATUS "python3 was not found: no manual pages are made")
endif()

# ---- completion ----

# Debian's zsh looks elsewhere for what packages bring.
set(zsh_folder site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr" AND EXISTS /etc/debian_version)
    set(zsh_folder vendor-completions)
endif()
set(QUIPU_ZSH_FOLDER "${CMAKE_INSTALL_DATADIR}/zsh/${zsh_folder}" CACHE STRING "Where zsh's completion is installed")
install(FILES "${PROJECT_SOURCE_DIR}/tools/completion/quipu.bash" RENAME quipu
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT command)
install(FILES "${PROJECT_SOURCE_DIR}/tools/completion/_quipu" DESTINATION "${QUIPU_ZSH_FOLDER}" COMPONENT command)

# ---- the command, and what is read ----

if(TARGET quipu_command)
    install(TARGETS quipu_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT command)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/SPEC.md"
    "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
    DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/" DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" COMPONENT development)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/examples" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development)
install(FILES "${PROJECT_SOURCE_DIR}/tools/gdb/quipu.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/quipu/gdb" COMPONENT development)
install(FILES "${PROJECT_SOURCE_DIR}/traces/schema.json" DESTINATION "${CMAKE_INSTALL_DATADIR}/quipu" COMPONENT command)
