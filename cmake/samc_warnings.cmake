# SPDX-License-Identifier: Apache-2.0
# What every target of ours is compiled with. No -ffast-math, no -march=native; contraction is off so
# that a * b + c rounds the same in every file, and an explicit fma() is the only fused one.
add_library(samc_warnings INTERFACE)
target_compile_options(samc_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wwrite-strings -Wcast-qual -ffp-contract=off)
if(SAMC_WERROR)
    target_compile_options(samc_warnings INTERFACE -Werror)
endif()
