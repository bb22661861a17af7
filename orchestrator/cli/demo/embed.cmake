# Writes FILES (absolute paths) as arrays of bytes into the C file OUTPUT: see demo_files.h.
set(arrays "")
set(rows "")
foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    get_filename_component(stem ${file} NAME_WE)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const unsigned char ${stem}[] = {${bytes}};\n")
    string(APPEND rows "    {\"${name}\", ${stem}, sizeof ${stem}},\n")
endforeach()
file(WRITE ${OUTPUT}
     "#include \"demo_files.h\"\n\n${arrays}\n"
     "const struct demo_file demo_files[] = {\n${rows}};\n"
     "const size_t demo_file_count = sizeof demo_files / sizeof demo_files[0];\n")
