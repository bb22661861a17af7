# Writes each of FILES (absolute paths) as an array of bytes into OUTPUT: demo_NAME[].
set(text "")
foreach(file ${FILES})
    get_filename_component(name ${file} NAME_WE)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND text "static const unsigned char demo_${name}[] = {${bytes}};\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
