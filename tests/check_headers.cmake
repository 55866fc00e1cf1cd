# Compiles every public header alone, as C11 and as C++17, with the configured compiler and with clang.
#
#     cmake -DC_COMPILER=<compiler> -DWORK=<folder for what it writes> -P tests/check_headers.cmake

cmake_minimum_required(VERSION 3.18)
get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)

set(warnings -pedantic -Werror -Wall -Wextra -Wconversion -Wshadow)
set(c_flags -x c -std=c11 ${warnings} -Wstrict-prototypes)
set(cxx_flags -x c++ -std=c++17 ${warnings})

# The C++ compiler that belongs to the configured one, and clang's two.
get_filename_component(folder "${C_COMPILER}" DIRECTORY)
get_filename_component(name "${C_COMPILER}" NAME)
if(name MATCHES "clang")
    string(REPLACE "clang" "clang++" name "${name}")
elseif(name MATCHES "gcc")
    string(REPLACE "gcc" "g++" name "${name}")
else()
    set(name "c++")
endif()
find_program(CXX_COMPILER NAMES "${name}" c++ g++ clang++ HINTS "${folder}")
find_program(CLANG_C clang)
find_program(CLANG_CXX clang++)

set(compilers "")    # each: language|compiler
foreach(one IN ITEMS "c|${C_COMPILER}" "c|${CLANG_C}" "cxx|${CXX_COMPILER}" "cxx|${CLANG_CXX}")
    if(NOT one MATCHES "(NOTFOUND|\\|)$")
        list(APPEND compilers "${one}")
    endif()
endforeach()
list(REMOVE_DUPLICATES compilers)
if(NOT CXX_COMPILER)
    message("no C++ compiler here (on Debian: g++): the headers were not compiled as C++")
endif()

file(GLOB headers RELATIVE "${root}/include" "${root}/include/quipu/*.h")
if(NOT headers)
    message(FATAL_ERROR "no header in ${root}/include/quipu")
endif()
set(failed 0)
foreach(header IN LISTS headers)
    # Twice: a header must also stand being included again.
    string(MAKE_C_IDENTIFIER "${header}" file)
    file(WRITE "${WORK}/${file}.c" "#include <${header}>\n#include <${header}>\n")
    foreach(one IN LISTS compilers)
        string(REGEX MATCH "^[a-z]+" language "${one}")
        string(REGEX REPLACE "^[a-z]+\\|" "" compiler "${one}")
        execute_process(
            COMMAND "${compiler}" ${${language}_flags} -fsyntax-only -I "${root}/include" "${WORK}/${file}.c"
            RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
        if(NOT result EQUAL 0)
            message("<${header}> does not compile alone with ${compiler} ${${language}_flags}:\n${output}")
            math(EXPR failed "${failed} + 1")
        endif()
    endforeach()
endforeach()

list(LENGTH headers count)
string(REPLACE ";" ", " compilers "${compilers}")
if(failed)
    message(FATAL_ERROR "${failed} failures in ${count} headers (${compilers})")
endif()
message("${count} headers compile alone (${compilers})")
