/* Words that all parts share. The structs are declared from the tables in `fields.py`, above this. */

typedef double f64;
typedef int64_t i64;
typedef unsigned char u8;

#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define CLIP(a) MIN(MAX(a, 0.0), 1.0)

/* All regions of a service; rows never overlap, but for the one that is read and written in its place. */
#ifdef __clang__
#define APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define APART _Pragma("GCC ivdep")
#endif
#define REGIONS APART for (i64 j = 0; j < R; j++)

/* The same, where regions come down to one number and the order does not matter. */
#define REDUCED(how, ...) PRAGMA(omp simd reduction(how : __VA_ARGS__)) for (i64 j = 0; j < R; j++)
#define PRAGMA(text) _Pragma(#text)
