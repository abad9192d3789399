# SPDX-License-Identifier: Apache-2.0
# Writes files as C arrays: cmake -DOUTPUT=assets.c "-DFILES=name=path|name=path" -P samc_assets.cmake
# (server/assets.h has the table's type). Names are plain: letters, digits and ._/-
string(REPLACE "|" ";" entries "${FILES}")
set(arrays "")
set(rows "")
set(index 0)
foreach(entry ${entries})
    string(REGEX REPLACE "=.*" "" name "${entry}")
    string(REGEX REPLACE "^[^=]*=" "" path "${entry}")
    if(NOT name MATCHES "^[A-Za-z0-9._/-]+$")
        message(FATAL_ERROR "samc_assets: '${name}' is no plain name")
    endif()
    file(READ "${path}" bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(................................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const uint8_t asset_${index}[] = {\n${bytes}0};\n")
    string(APPEND rows "    {\"${name}\", asset_${index}, ${size}},\n")
    math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUTPUT}" "/* Written by cmake/samc_assets.cmake. */\n#include \"server/assets.h\"\n\n${arrays}\n"
    "const samc_asset samc_assets[] = {\n${rows}    {NULL, NULL, 0},\n};\n")
