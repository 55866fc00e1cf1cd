/*
 * xxHash, inlined: the layout of the streaming state is no part of the shared library's interface, and what is hashed
 * here is short. The static analyser is not shown xxHash's own code.
 */
#ifndef TRACES_XXH_H
#define TRACES_XXH_H

#ifdef __clang_analyzer__
#define XXH_STATIC_LINKING_ONLY
#else
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#endif
