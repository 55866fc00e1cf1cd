# Writes a C file with the sources of the page in it, each as an array of bytes that ends with a zero:
#
#     cmake -DFOLDER=tools/view -DOUTPUT=page_sources.c -DSCRIPTS="model.js;draw.js" -P embed.cmake
#
# Strings would have a length that compilers need not bear.

function(append_array name)
    set(text "")
    foreach(file IN LISTS ARGN)
        file(READ "${FOLDER}/${file}" bytes HEX)
        string(APPEND text "${bytes}")
    endforeach()
    string(REGEX REPLACE "(..)" "0x\\1," text "${text}")
    string(REPEAT "0x..," 16 line)
    string(REGEX REPLACE "(${line})" "\\1\n" text "${text}")
    file(APPEND "${OUTPUT}.tmp" "\nconst unsigned char ${name}[] = {\n${text}0};\n")
endfunction()

file(WRITE "${OUTPUT}.tmp" "/* Made by tools/view/embed.cmake. */\n#include \"tools/page_sources.h\"\n")
append_array(page_html page.html)
append_array(page_css page.css)
append_array(page_js ${SCRIPTS})
file(RENAME "${OUTPUT}.tmp" "${OUTPUT}")
