# SPDX-License-Identifier: Apache-2.0
# SAMC_SANITIZE=address,undefined or thread (make asan, make tsan): every target is built with the
# sanitizers, and the first finding ends the program, so that no test can pass over one.
set(SAMC_SANITIZE "" CACHE STRING "Sanitizers to build with, such as address,undefined")
if(SAMC_SANITIZE)
    add_compile_options(-fsanitize=${SAMC_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${SAMC_SANITIZE})
endif()
if(SAMC_BUILD_FUZZERS)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
