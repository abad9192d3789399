# SPDX-License-Identifier: Apache-2.0
# What goes into the wheel beside the Python files: libsamc.so, under that one name since a wheel knows
# no links, and the model that samc ships with.
set_property(TARGET samc_shared PROPERTY VERSION)
set_property(TARGET samc_shared PROPERTY SOVERSION)
set_target_properties(samc_static PROPERTIES EXCLUDE_FROM_ALL ON)
install(TARGETS samc_shared LIBRARY DESTINATION samc)
install(FILES models/samc-default.safetensors DESTINATION samc)
