# Run by cpack before it makes packages of what was installed: what Debian wants beside that.

# Files are the same whenever they are made, if SOURCE_DATE_EPOCH says when that is to be.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

file(READ "${CPACK_RESOURCE_FILE_LICENSE}" licence)
string(REGEX MATCH "Copyright \\(c\\) ([^\n]*)" copyright "${licence}")
set(copyright "${CMAKE_MATCH_1}")
string(REGEX REPLACE "^.*${copyright}\n+" "" licence "${licence}")
string(REGEX REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REGEX REPLACE "\n+$" "" licence "${licence}")
string(REPLACE "\n" "\n " licence "\n${licence}")

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    set(top "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr")
    string(TOUPPER "${component}" upper)
    set(package "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
    set(doc "${top}/share/doc/${package}")

    # The licence has this name and form in every package.
    file(REMOVE "${top}/share/doc/quipu/LICENSE")
    file(WRITE "${doc}/copyright" "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
Upstream-Name: ${CPACK_PACKAGE_NAME}\n\n\
Files: *\nCopyright: ${copyright}\nLicense: Expat\n\n\
License: Expat${licence}\n")

    file(WRITE "${doc}/changelog.Debian" "\
${CPACK_PACKAGE_NAME} (${CPACK_DEBIAN_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n\
  * This version of Quipu, packaged from its sources.\n\n\
 -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")

    # These are compressed, always in the same way.
    file(GLOB pages "${top}/share/man/man?/*.[1-9]")
    execute_process(COMMAND gzip -9nf "${doc}/changelog.Debian" ${pages} RESULT_VARIABLE result)
    if(result)
        message(FATAL_ERROR "gzip cannot compress the manual of ${package}")
    endif()

    # cpack strips what is executed, and not what is linked.
    file(GLOB_RECURSE archives "${top}/*.a")
    if(archives)
        execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archives} RESULT_VARIABLE result)
        if(result)
            message(FATAL_ERROR "strip cannot take the debug information from ${archives}")
        endif()
    endif()
endforeach()
