/* Requests of one service in all regions, for one step: clients, queues, crowds.
 *
 * Each function is the loop form of a step in `outlast.drill.mechanisms`, where the formulas stand with
 * their sources; the order of operations is the same, so that both engines round alike. */

/* concurrency and queues leave what became of the arrivals here [region] */
struct result {
  f64 *good, *refused, *expired, *worked, *latency, *queue;
};

/* mechanisms.clients.Clients.send */
static void send(const struct world *w, i64 k, const f64 *fresh, f64 *sent) {
  const struct clients *c = &w->clients;
  const i64 R = w->regions, rows = c->count, waits = c->tries - 1;
  const f64 budget = c->budget[k], bucket = c->bucket_s / w->dt_s;
  f64 retries[R], share[R];
  REGIONS retries[j] = 0.0;
  for (i64 t = 0; t < waits; t++) {
    const f64 *orbit = c->orbit + (t * rows + k) * R, leaving = c->leaving[t * rows + k];
    REGIONS retries[j] += orbit[j] * leaving;
  }
  REGIONS share[j] = 1.0;
  if (c->budgets) {
    f64 *tokens = c->tokens + k * R;
    const i64 full = c->full;
    REGIONS {
      const f64 cap = budget * fresh[j] * bucket;
      const f64 before = full ? tokens[j] : cap;
      const f64 held = MIN(cap, before + budget * fresh[j]);
      const f64 paid = budget > 0 ? MIN(retries[j], held) : retries[j];
      tokens[j] = held - (budget > 0 ? paid : 0.0);
      share[j] = retries[j] > 0 ? paid / MAX(retries[j], 1e-12) : 1.0;
      retries[j] = paid;
    }
  }
  f64 *first = c->outstanding + k * R;
  REGIONS first[j] += fresh[j];
  for (i64 t = 0; t < waits; t++) {
    f64 *orbit = c->orbit + (t * rows + k) * R;
    f64 *out = c->outstanding + ((t + 1) * rows + k) * R;
    const f64 leaving = c->leaving[t * rows + k];
    REGIONS {
      const f64 due = orbit[j] * leaving;
      orbit[j] -= due;
      out[j] += due * share[j];
    }
  }
  REGIONS sent[j] = fresh[j] + retries[j];
  const f64 *open = c->open_left_s + k * R, *failing = c->failing + k * R;
  const f64 breaker = c->breaker[k], hedge = c->hedge[k], probes = c->probes;
  if (c->breaks) REGIONS {
    const f64 passing = open[j] > 0 ? 0.0 : 1.0;
    const int half = open[j] <= 0 && failing[j] > breaker && breaker > 0;
    sent[j] -= sent[j] * (1.0 - (half ? probes : passing));
  }
  if (c->hedges) REGIONS sent[j] *= 1.0 + (open[j] <= 0 ? hedge : 0.0);
}

/* mechanisms.clients.Clients.fail */
static void fail(const struct world *w, i64 k, const f64 *failed, const f64 *good, const f64 *sent) {
  const struct clients *c = &w->clients;
  const i64 R = w->regions, rows = c->count, tries = c->tries;
  f64 whole[R], keep[R], hit[R];
  REGIONS whole[j] = 0.0;
  for (i64 t = 0; t < tries; t++) {
    const f64 *out = c->outstanding + (t * rows + k) * R;
    REGIONS whole[j] += out[j];
  }
  REGIONS keep[j] = MAX(0.0, 1.0 - good[j] / MAX(whole[j], 1e-12));
  REGIONS whole[j] = 0.0;
  for (i64 t = 0; t < tries; t++) {
    f64 *out = c->outstanding + (t * rows + k) * R;
    REGIONS {
      out[j] *= keep[j];
      whole[j] += out[j];
    }
  }
  REGIONS hit[j] = MIN(1.0, failed[j] / MAX(whole[j], 1e-12));
  for (i64 t = 0; t < tries; t++) {
    f64 *out = c->outstanding + (t * rows + k) * R;
    const int again = t < tries - 1;
    const f64 allowed = again ? c->allowed[t * rows + k] : 0.0;
    f64 *orbit = c->orbit + ((again ? t : 0) * rows + k) * R;
    REGIONS {
      const f64 lost = out[j] * hit[j];
      out[j] -= lost;
      if (again) orbit[j] += lost * allowed;
    }
  }
  if (!c->breaks) return;
  f64 *failing = c->failing + k * R, *open = c->open_left_s + k * R;
  const f64 breaker = c->breaker[k], lasts_s = c->breaker_s[k];
  const f64 dt_s = w->dt_s, step = MIN(1.0, dt_s / c->window_s);
  REGIONS {
    const f64 share = CLIP(failed[j] / MAX(sent[j], 1e-12));
    failing[j] += (share - failing[j]) * (sent[j] > 1e-9 ? step : 0.0);
    const int trips = breaker > 0 && failing[j] > breaker;
    const int closed = open[j] <= 0 && trips && share > breaker;
    open[j] = closed ? lasts_s : MAX(0.0, open[j] - dt_s);
  }
}

/* What a ring of rows held some steps ago; nothing before the start. */
static const f64 *before(const struct world *w, const f64 *ring, i64 length, i64 at, i64 rows, i64 k) {
  return at < 0 ? w->nothing : ring + ((at % length) * rows + k) * w->regions;
}

/* mechanisms.serving.Queues._serve_lifo */
static void serve_lifo(const struct world *w, i64 k, const f64 *entering, const f64 *room,
                       const f64 *looked, f64 *newly, f64 *after, f64 *good, f64 *worked) {
  const struct queues *q = &w->queues;
  const i64 R = w->regions, at = q->step_index - q->lag[k];
  const int patient = q->timeout_s[k] <= 0;
  f64 *live = q->live + k * R, *survival = q->survival + k * R;
  i64 *emptied = q->emptied + k * R;
  const f64 *arrived = q->arrived + k * R, *taken = q->taken + k * R;
  f64 *slot = q->ring + ((q->step_index % q->length) * q->count + k) * R;
  for (i64 j = 0; j < R; j++) {
    const f64 first = MIN(entering[j], room[j]);
    const f64 left = entering[j] - first, spare = room[j] - first;
    const f64 second = MIN(live[j], spare);
    const f64 keep = live[j] > 0 ? 1.0 - second / MAX(live[j], 1e-12) : 1.0;
    const int gone = keep <= 1e-9;
    emptied[j] = gone ? q->step_index : emptied[j];
    survival[j] = gone ? 1.0 : survival[j] * keep;
    slot[j] = left / survival[j];
    const f64 aged = !patient && at >= 0 && at > emptied[j] ? looked[j] * survival[j] : 0.0;
    live[j] = MAX(0.0, live[j] - second + left - aged);
    const f64 served = first + second;
    const f64 stale = MAX(0.0, arrived[j] - taken[j] - entering[j] - live[j]);
    const f64 third = MIN(stale, MAX(0.0, spare - second));
    after[j] = MIN(taken[j] + served + third, arrived[j]);
    good[j] = served;
    worked[j] = served + third;
    newly[j] = aged;
  }
}

/* e to minus this, and to all that is less, is zero to a double */
#define NOTHING_POWER 746.0

/* mechanisms.serving.late_ratio, skipped where it is nothing */
static void lose_late(i64 R, f64 timeout_s, const f64 *extra, const f64 *load, const f64 *rate,
                      const f64 *shortage, f64 *good, f64 *newly) {
  f64 least = INFINITY;
  REDUCED(min, least) {
    const f64 power = MAX(rate[j] - load[j], 0.0) * MAX(0.0, timeout_s - extra[j]);
    least = MIN(least, shortage[j] > 0 && good[j] > 0 ? power : INFINITY);
  }
  if (!(least < NOTHING_POWER)) return;
  for (i64 j = 0; j < R; j++) {
    const f64 spare = MAX(rate[j] - load[j], 0.0);
    const f64 busy = MIN(1.0, load[j] / MAX(rate[j], 1e-9));
    if (!(shortage[j] > 0) || !(spare > 0)) continue;
    const f64 late = busy * exp(-spare * MAX(0.0, timeout_s - extra[j])) * good[j];
    good[j] -= late;
    newly[j] += late;
  }
}

/* mechanisms.serving.Queues.step */
static void queue_up(const struct world *w, i64 k, const f64 *arriving, const f64 *capacity,
                     const f64 *extra, const f64 *admit, const struct result *r) {
  const struct queues *q = &w->queues;
  const i64 R = w->regions, rows = q->count;
  const f64 dt_s = w->dt_s, base = q->base_s[k], timeout = q->timeout_s[k];
  const f64 queue_max = q->queue_max[k] > 0 ? q->queue_max[k] : INFINITY;
  const f64 flight = q->in_flight_max[k] > 0 ? q->in_flight_max[k] : INFINITY;
  const int patient = timeout <= 0, fresh = q->fresh[k], lifo = q->lifo[k];
  f64 *arrived = q->arrived + k * R, *taken = q->taken + k * R;
  f64 *slot = q->ring + ((q->step_index % q->length) * rows + k) * R;
  f64 *good = r->good, *worked = r->worked, *newly = r->expired;
  f64 *refused = r->refused, *queue = r->queue, *latency = r->latency;
  f64 entering[R], room[R], after[R], load[R], rate[R], shortage[R];
  REGIONS {
    room[j] = capacity[j] * dt_s;
    const f64 limit = MIN(queue_max, MAX(0.0, flight - capacity[j] * base));
    const f64 space = MAX(0.0, limit - (arrived[j] - taken[j]) + room[j]);
    entering[j] = MIN(arriving[j] * admit[j], space);
    refused[j] = arriving[j] - entering[j];
    arrived[j] += entering[j];
    slot[j] = arrived[j];
    load[j] = entering[j] / dt_s;
    rate[j] = room[j] / dt_s;
  }
  const i64 at = q->step_index - q->lag[k];
  const f64 *old = before(w, q->ring, q->length, at, rows, k);
  const f64 *older = before(w, q->ring, q->length, at - 1, rows, k);
  REGIONS {
    const f64 passed = MAX(0.0, old[j] - MAX(older[j], taken[j]));
    newly[j] = patient ? 0.0 : passed;
    const f64 expired = patient ? taken[j] : old[j];
    const f64 start = fresh ? MAX(taken[j], MIN(expired, arrived[j])) : taken[j];
    after[j] = MIN(arrived[j], start + room[j]);
    good[j] = fresh ? after[j] - start : MAX(0.0, after[j] - MAX(taken[j], expired));
    worked[j] = after[j] - start;
  }
  if (lifo) serve_lifo(w, k, entering, room, old, newly, after, good, worked);
  REGIONS {
    queue[j] = arrived[j] - after[j];
    taken[j] = after[j];
    const f64 whole = base + extra[j] + queue[j] / MAX(rate[j], 1e-9);
    latency[j] = patient ? whole : MIN(whole, timeout);
    shortage[j] = queue[j] <= room[j] && !patient ? 1.0 : 0.0;
  }
  if (patient) return;
  lose_late(R, timeout, extra, load, rate, shortage, good, newly);
  REGIONS {
    const int slow = base + extra[j] > timeout;
    newly[j] += slow ? good[j] : 0.0;
    good[j] = slow ? 0.0 : good[j];
  }
}

/* mechanisms.concurrency.Crowds.step */
static void crowd(const struct world *w, i64 k, const f64 *arriving, const f64 *usable,
                  const f64 *extra, const f64 *admit, const struct result *r) {
  const struct crowds *c = &w->crowds;
  const i64 R = w->regions, rows = c->count;
  const f64 dt_s = w->dt_s, timeout = c->timeout_s[k], most = c->rate[k] * dt_s;
  f64 *inside = c->inside + k * R;
  f64 *later = c->doomed + (((c->step_index + c->lag[k]) % c->length) * rows + k) * R;
  const f64 *now = c->doomed + ((c->step_index % c->length) * rows + k) * R;
  for (i64 j = 0; j < R; j++) {
    const f64 asked = arriving[j] * admit[j], base = c->base_s[k] + extra[j];
    const f64 entering = MIN(asked, MAX(0.0, c->in_flight_max[k] - inside[j]));
    const f64 slope = c->slope_s[k] / MAX(usable[j], 1e-6);
    const f64 latency = base + slope * (inside[j] + entering / 2.0);
    const int slow = timeout > 0 && latency > timeout;
    const f64 pace = 1.0 / (base + slope * (inside[j] + entering / 2.0));
    const f64 finished = (inside[j] + entering) * (1.0 - exp(-dt_s * pace));
    inside[j] = inside[j] + entering - finished;
    later[j] = slow ? entering : 0.0;
    r->expired[j] = now[j];
    r->good[j] = slow ? 0.0 : entering;
    r->refused[j] = asked - entering;
    r->worked[j] = MIN(finished, most);
    r->latency[j] = timeout > 0 ? MIN(latency, timeout) : latency;
    r->queue[j] = inside[j];
  }
}
