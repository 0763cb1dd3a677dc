/* Words that all parts share. The structs are declared from the tables in `fields.py`, above this. */

typedef double f64;
typedef int64_t i64;
typedef unsigned char u8;

#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define CLIP(a) MIN(MAX(a, 0.0), 1.0)

/* All regions of a service; rows never overlap, but for the one that is read and written in its place. */
#define REGIONS _Pragma("GCC ivdep") for (i64 j = 0; j < R; j++)
