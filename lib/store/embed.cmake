# cmake -DOUTPUT=file.c -DINPUTS="a.sql;b.sql" -P embed.cmake: the files as the table of migration.h.
set(arrays "")
set(rows "")
foreach(input ${INPUTS})
    get_filename_component(name ${input} NAME_WE)
    string(REGEX MATCH "^[0-9]+" digits ${name})
    math(EXPR version "1${digits} - 10000")
    file(READ ${input} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const char sql_${name}[] = {${bytes}0};\n")
    string(APPEND rows "    {${version}, \"${name}\", sql_${name}},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"migration.h\"\n\n#include <stddef.h>\n\n${arrays}
const struct migration migrations[] = {\n${rows}    {0, NULL, NULL},\n};\n")
