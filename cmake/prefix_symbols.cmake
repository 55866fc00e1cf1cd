# Renames what the library's files call one another by, in a static library: cmake -DNM=... -DOBJCOPY=... -DARCHIVE=... -P
#
# Names of the public headers begin with qp_ or quipu_. Other names that are global in the archive ("report", "complain")
# would be a user's program's own: they get the prefix qp_internal_. In the shared library they are hidden anyway.

execute_process(COMMAND "${NM}" -P -g "${ARCHIVE}" OUTPUT_VARIABLE symbols RESULT_VARIABLE result)
if(result)
    message(FATAL_ERROR "${NM} cannot read ${ARCHIVE}")
endif()
string(REGEX MATCHALL "\n[A-Za-z][A-Za-z0-9_]* [A-TV-Z] " symbols "${symbols}")
list(FILTER symbols EXCLUDE REGEX "^\n(qp_|quipu_|QP_)")
# But for the C library's functions that have a second definition here, on purpose.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../tools/ambient.def" lines REGEX "^AMBIENT")
foreach(line IN LISTS lines)
    string(REGEX REPLACE "^AMBIENT\\(([a-z0-9_]+),.*" "\\1" name "${line}")
    list(FILTER symbols EXCLUDE REGEX "^\n${name} ")
endforeach()
list(REMOVE_DUPLICATES symbols)
string(REGEX REPLACE "\n([A-Za-z0-9_]+) [A-Z] " "\\1 qp_internal_\\1\n" symbols "${symbols}")
string(REPLACE ";" "" symbols "${symbols}")
file(WRITE "${ARCHIVE}.names" "${symbols}")
execute_process(COMMAND "${OBJCOPY}" "--redefine-syms=${ARCHIVE}.names" "${ARCHIVE}" RESULT_VARIABLE result)
file(REMOVE "${ARCHIVE}.names")
if(result)
    message(WARNING "${OBJCOPY} cannot rename the symbols of ${ARCHIVE}: it keeps names that a program of yours may have too")
endif()
