# The libraries that Quipu stands on: system packages. Used by the build, and by find_package(quipu) for static linking.

find_package(PkgConfig QUIET)

# Makes the target quipu::<name>, which other folders see too where quipu_visible is GLOBAL. `need` says what it is when
# it is not there: REQUIRED, an error; OPTIONAL, a line; QUIET, nothing.
function(quipu_dependency name package header library debian need)
    if(TARGET quipu::${name})
        return()
    endif()
    set(PC_${name}_INCLUDE_DIRS "")
    set(PC_${name}_LIBRARY_DIRS "")
    if(PkgConfig_FOUND)
        pkg_check_modules(PC_${name} QUIET ${package})
    endif()
    # A header that is included as <folder/name.h> stands below what pkg-config answers.
    set(parents "")
    foreach(dir IN LISTS PC_${name}_INCLUDE_DIRS)
        get_filename_component(parent "${dir}" DIRECTORY)
        list(APPEND parents "${parent}")
    endforeach()
    find_path(QUIPU_${name}_INCLUDE ${header} HINTS ${PC_${name}_INCLUDE_DIRS} ${parents})
    find_library(QUIPU_${name}_LIBRARY ${library} HINTS ${PC_${name}_LIBRARY_DIRS})
    mark_as_advanced(QUIPU_${name}_INCLUDE QUIPU_${name}_LIBRARY)
    if(QUIPU_${name}_INCLUDE AND QUIPU_${name}_LIBRARY)
        add_library(quipu::${name} UNKNOWN IMPORTED ${quipu_visible})
        set_target_properties(quipu::${name} PROPERTIES
            IMPORTED_LOCATION "${QUIPU_${name}_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${QUIPU_${name}_INCLUDE}")
    elseif(need STREQUAL "REQUIRED")
        message(FATAL_ERROR "${name} was not found (header <${header}>, library ${library}). "
            "On Debian and Ubuntu it is in the package ${debian}: apt-get install ${debian}")
    elseif(need STREQUAL "OPTIONAL")
        message(STATUS "${name} was not found and is not needed now; on Debian it is in the package ${debian}")
    endif()
endfunction()
