/* The race of October 2025 in its smallest form; the twin of src/outlast/sim/designs/blind.py.
 *
 * Each d_step is one move of that file, under the same name: plan, take, write, clean. Processes have one
 * location each, so Spin's count of stored states must equal that of `outlast verify --exhaustive`:
 *
 *     spin -a -DE=3 -DP=6 -DN=2 -DK=2 race.pml && gcc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -E
 *
 * COMPARE refuses a write that is not newer than what stands there; REACHABLE spares what endpoints show.
 * With -DCLAIM a violation of S1 or S2 is an assertion that fails.
 */
#ifndef E
#define E 2
#endif
#ifndef P
#define P 4
#endif
#ifndef N
#define N 1
#endif
#ifndef K
#define K 2
#endif
#define IDLE 15
#define EMPTY 15

byte newest;
byte deleted;           /* one bit for each plan, plan 1 is bit 0 */
byte live[N];           /* 0: nothing published yet */

inline plan() {
  newest++
}

inline take() {
  held = newest;
  at = 0
}

inline write() {
  if
#ifdef COMPARE
  :: live[at] != EMPTY && held <= live[at] -> skip
#endif
  :: else ->
     if
     :: deleted & (1 << (held - 1)) -> after = EMPTY
     :: else -> after = held
     fi;
#ifdef CLAIM
     assert(after != EMPTY || live[at] == EMPTY);
     assert(live[at] == EMPTY || after == EMPTY || after >= live[at]);
#endif
     live[at] = after;
     after = 0
  fi;
  at++
}

inline clean() {
  do
  :: old + K >= held -> break
  :: else ->
     old++;
     shown = 0;
     where = 0;
     do
     :: where == N -> break
     :: else ->
        if
        :: live[where] == old -> shown = 1
        :: else
        fi;
        where++
     od;
     if
     :: deleted & (1 << (old - 1))
#ifdef REACHABLE
     :: shown == 1
#endif
     :: else ->
        deleted = deleted | (1 << (old - 1));
        where = 0;
        do
        :: where == N -> break
        :: else ->
           if
           :: live[where] == old ->
#ifdef CLAIM
              assert(false);
#endif
              live[where] = EMPTY
           :: else
           fi;
           where++
        od
     fi
  od;
  old = 0;
  where = 0;
  shown = 0;
  at = IDLE
}

active proctype planner() {
  do
  :: d_step { newest < P -> plan() }
  od
}

active [E] proctype enactor() {
  byte held = 0;        /* the plan it holds, or did last */
  byte at = IDLE;       /* the endpoint it writes next */
  byte after, old, where, shown;   /* 0 between moves */
  do
  :: d_step { at == IDLE && newest > held -> take() }
  :: d_step { at < N -> write() }
  :: d_step { at == N -> clean() }
  od
}
