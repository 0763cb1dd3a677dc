/* Outlast's write protocol: the fence, the epoch, and why both are needed. One endpoint.
 *
 * Moves carry the names of src/outlast/core: an enactor is woken, reads fence and epoch (`read`), fetches the
 * newest plan after that (`choose`), seeds the epoch where there is none (`seed_epoch`), writes under both
 * conditions (`move`), and reads back (`settle`). `net` carries out a copy of a write at any later moment.
 * `foreign` wipes the fence with the records (W times), or the whole zone with its epoch (Z times).
 *
 * Nonces are numbers that are never used twice; an epoch is known by its nonce, which is why a zone that was
 * wiped and seeded anew never looks like the one before.
 *
 * Checked, for every interleaving:
 *   S2  the generation in the DNS never falls below any that ever stood there (assertion in `move`)
 *   L   once the foreign hand rests, the newest plan stands for good (never claim, weak fairness)
 *
 *     spin -a outlast.pml && gcc -O2 -DNOREDUCE -DSAFETY -o pan pan.c && ./pan -E     S2
 *     spin -a outlast.pml && gcc -O2 -DNOREDUCE -DNFAIR=4 -o pan pan.c && ./pan -a -f   L
 *
 * Each of -DNO_EPOCH (a write names the fence alone), -DNO_SPEND (an absence is healed without moving the epoch
 * on), -DPLAN_FIRST (the plan is chosen before the fence is read) and -DOLD_NONCE (epochs carry no nonce) must
 * make S2 fail.
 */
#ifndef E
#define E 2
#endif
#ifndef P
#define P 2
#endif
#ifndef W
#define W 2
#endif
#ifndef Z
#define Z 0
#endif
#define NOTHING 0

byte newest;      /* the store's newest plan */
byte fence;       /* the generation that the fence names; NOTHING: no fence, no records */
byte epoch;       /* the nonce of the epoch; NOTHING: the zone has none */
byte nonces;      /* used up so far */
byte high;        /* the highest generation that ever stood there */
byte wipes = W;
byte zone_wipes = Z;

byte late_fence, late_epoch, late_plan;   /* one write that nobody waits for; late_plan NOTHING: none */

#ifdef OLD_NONCE
#define FRESH(number) number
#else
#define FRESH(number) nonces
#endif

inline move(was, seen_epoch, plan) {
#ifdef NO_EPOCH
  if
  :: fence == was && epoch != NOTHING ->
#else
  if
  :: fence == was && epoch == seen_epoch && epoch != NOTHING ->
#endif
     assert(plan >= high);
     fence = plan;
     high = plan;
#ifndef NO_SPEND
     if
     :: was == NOTHING ->
        nonces++;
        epoch = FRESH(epoch + 1)
     :: else
     fi
#endif
  :: else
  fi
}

inline seed_epoch() {
  if
  :: epoch == NOTHING ->
     nonces++;
     epoch = FRESH(1)
  :: else
  fi
}

#define IDLE 0
#define READING 1
#define CHOOSING 2
#define SEEDING 3
#define WRITING 4
#define SETTLING 5

active proctype planner() {
  do
  :: d_step { newest < P -> newest++ }
  od
}

active [E] proctype enactor() {
  byte phase = IDLE;
  byte was, seen_epoch, plan, seen;
  do
  :: d_step { phase == IDLE && newest != NOTHING && (fence != newest || epoch == NOTHING) ->  /* woken */
#ifdef PLAN_FIRST
       plan = newest;
#endif
       phase = READING }
  :: d_step { phase == READING ->                                        /* read */
       was = fence;
       seen_epoch = epoch;
       if
       :: fence > seen -> seen = fence
       :: else
       fi;
       phase = CHOOSING }
  :: d_step { phase == CHOOSING ->                                       /* choose */
#ifndef PLAN_FIRST
       plan = newest;
#endif
       if
       :: plan < seen || (plan == was && seen_epoch != NOTHING) ->       /* ahead, or proof */
          phase = IDLE;
          was = 0;
          seen_epoch = 0;
          plan = 0
       :: else ->
          if
          :: seen_epoch == NOTHING -> phase = SEEDING
          :: else -> phase = WRITING
          fi
       fi }
  :: d_step { phase == SEEDING -> seed_epoch(); phase = READING }
  :: d_step { phase == WRITING -> move(was, seen_epoch, plan); phase = SETTLING }
  :: d_step { phase == WRITING && late_plan == NOTHING ->                /* time-out: unknown */
       late_fence = was;
       late_epoch = seen_epoch;
       late_plan = plan;
       phase = SETTLING }
  :: d_step { phase == SETTLING ->                                       /* settle */
       if
       :: fence > seen -> seen = fence
       :: else
       fi;
       was = 0;
       seen_epoch = 0;
       plan = 0;
       phase = IDLE }
  od
}

active proctype net() {
  do
  :: d_step { late_plan != NOTHING ->
       move(late_fence, late_epoch, late_plan);
       late_fence = 0;
       late_epoch = 0;
       late_plan = 0 }
  od
}

active proctype foreign() {
  do
  :: d_step { wipes > 0 && fence != NOTHING -> wipes--; fence = NOTHING }
  :: d_step { zone_wipes > 0 && epoch != NOTHING ->
       zone_wipes--;
       fence = NOTHING;
       epoch = NOTHING }
  od
}

#ifdef LIVE
ltl converges { <>[] (newest == P && fence == P) }
#endif
