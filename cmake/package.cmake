# Debian packages, by `cpack` in the build folder: the shared library, what is built with, and the command.
#
# Configure with -DCMAKE_INSTALL_PREFIX=/usr, so that the libraries go where Debian has them (`tools/dev package` does).

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quipu)
set(CPACK_PACKAGE_VENDOR "The Quipu authors")
set(CPACK_PACKAGE_CONTACT "The Quipu authors <quipu@example.invalid>" CACHE STRING "Whom packages name as maintainer")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL library development command)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/debian/complete.cmake")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# What else there is to say of each, below a summary of its own.
set(about "\
Quipu runs asynchronous C programs on a virtual clock, where a seed\n\
decides every schedule, and on the real clock with the same code. What\n\
fails replays to the byte, is made small, and is told by the contract\n\
that it breaks.\n\n")

# A program that was linked with one version runs with later ones of the same name.
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libquipu${soversion})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "deterministic simulation runtime for asynchronous C - library\n\
${about}This package has the shared library.")
# ldconfig is called by a trigger. Without scripts of ours cpack brings its own, which call it once more.
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/debian/triggers"
    "${PROJECT_SOURCE_DIR}/cmake/debian/postinst" "${PROJECT_SOURCE_DIR}/cmake/debian/postrm")

# The static library is linked with these; the shared one must be of the same version.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libquipu-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
string(CONCAT CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libquipu${soversion} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), "
    "libxxhash-dev, libcjson-dev, libuv1-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libcmocka-dev, quipu")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "deterministic simulation runtime for asynchronous C - development\n\
${about}This package has the headers, the static library, what CMake and\n\
pkg-config find it by, the manual's pages for C and the documentation.")

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME quipu)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SUGGESTS libquipu-dev)
set(CPACK_DEBIAN_COMMAND_DESCRIPTION "finder of races in asynchronous C programs\n\
${about}This package has the command, which also judges and shows the traces\n\
of other programs, with its manual page and completion of bash and zsh.")

include(CPack)
