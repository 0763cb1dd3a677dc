/* One step of the world, and as many as are asked for: the loop form of `outlast.drill.world.World.step`
 * and `outlast.drill.meters.Meters.add`. One service at a time passes through everything that a request
 * meets, so that its rows stay in the nearest cache. */

/* world.World._usable and _held: what there is to serve with */
static void ready(const struct world *w, i64 i, f64 *reach, f64 *usable, f64 *held) {
  const i64 R = w->regions;
  const f64 *alive = w->alive + i * R, *works = w->works + i * R, *capacity = w->capacity + i * R;
  REGIONS {
    reach[j] = alive[j];
    usable[j] = capacity[j];
    held[j] = 1.0;
  }
  if (w->name_of[i] >= 0) {
    const f64 *connected = w->names.connected + w->name_of[i] * R;
    REGIONS reach[j] = connected[j] * alive[j];
  }
  if (w->scaler_of[i] >= 0) {
    const f64 *running = w->scalers.running + w->scaler_of[i] * R;
    REGIONS usable[j] *= running[j];
  }
  if (w->health_of[i] >= 0) {
    const f64 *out = w->health.out + w->health_of[i] * R, open = w->health.open_ratio[w->health_of[i]];
    REGIONS usable[j] *= 1.0 - (open > 0 && 1.0 - out[j] < open ? 0.0 : out[j]);
  }
  if (w->lease_of[i] >= 0) {
    const f64 *good = w->leases.good + w->lease_of[i] * R, count = w->leases.counts[w->lease_of[i]];
    REGIONS held[j] *= CLIP(good[j] / count);
  }
  if (w->credential_of[i] >= 0) {
    const f64 *valid = w->credentials.valid + w->credential_of[i] * R;
    REGIONS held[j] *= valid[j];
  }
  if (w->backlog_of[i] >= 0) {
    const i64 k = w->backlog_of[i];
    const f64 *queue = w->backlogs.queue + k * R, *rate = w->backlogs.rate + k * R;
    const f64 late_s = w->backlogs.late_s[k];
    for (i64 j = 0; j < R; j++) {
      const f64 wait_s = queue[j] / MAX(rate[j], 1e-9);
      held[j] *= 1.0 - exp(-late_s / MAX(wait_s, 1e-9));
    }
  }
  REGIONS held[j] *= works[j];
}

/* world.World._flow, from the arrivals of a service that has a queue or a crowd */
static void serve(struct world *w, i64 i, const f64 *arriving, const f64 *usable, f64 *good, f64 *worked) {
  const i64 R = w->regions, k = w->queue_of[i];
  const f64 *extra = w->extra_s + i * R, *admit = w->admit + i * R, *alive = w->alive + i * R;
  const f64 *wait_s = w->flows.wait_s + i * R;
  f64 *timed = w->timed + i * R, *excess = w->excess_s + i * R, *latency = w->latency_s + i * R;
  f64 refused[R];
  const struct result r = {good, refused, w->late + i * R, worked, latency, w->queue + i * R};
  f64 base, timeout;
  if (k >= 0) {
    const struct queues *q = &w->queues;
    base = q->base_s[k], timeout = q->timeout_s[k];
    const f64 rate = q->rate[k] < INFINITY ? q->rate[k] : w->unlimited, most = q->in_flight_max[k];
    const f64 tiny = w->tiny;
    f64 capacity[R];
    REGIONS {
      const f64 flight = most > 0 ? most / MAX(base + extra[j], tiny) : INFINITY;
      capacity[j] = MIN(rate, flight) * usable[j];
    }
    queue_up(w, k, arriving, capacity, extra, admit, &r);
  } else {
    base = w->crowds.base_s[w->crowd_of[i]], timeout = w->crowds.timeout_s[w->crowd_of[i]];
    crowd(w, w->crowd_of[i], arriving, usable, extra, admit, &r);
  }
  REGIONS {
    timed[j] = MAX(0.0, arriving[j] - good[j] - refused[j]);
    const f64 seen = alive[j] <= 0 && timeout > 0 ? timeout : latency[j];
    excess[j] = MAX(0.0, seen - base - wait_s[j]);
  }
}

/* world.World._flow, for one service */
static void flow(struct world *w, i64 i, const f64 *reach, const f64 *usable, const f64 *held) {
  const i64 R = w->regions;
  const struct flows *m = &w->flows;
  const f64 *ext = w->ext + i * R, *now = m->now + i * R, *outer = m->outer + i * R;
  const f64 *used = w->used + i * R, scale = m->scale[i], tiny = w->tiny, dt_s = w->dt_s;
  f64 *fresh = w->fresh + i * R, *sent = w->sent + i * R, *good = w->good + i * R;
  f64 *share = w->share + i * R, *worked = w->worked + i * R, arriving[R], able[R];
  REGIONS {
    fresh[j] = (ext[j] + (now[j] + outer[j]) * scale) * dt_s;
    sent[j] = fresh[j];
    able[j] = MIN(1.0, usable[j] / used[j]);
  }
  if (w->client_of[i] >= 0) send(w, w->client_of[i], fresh, sent);
  REGIONS arriving[j] = sent[j] * reach[j];
  if (w->queue_of[i] >= 0 || w->crowd_of[i] >= 0) {
    serve(w, i, arriving, usable, good, worked);
  } else {
    REGIONS good[j] = arriving[j] * able[j];
    REGIONS worked[j] = arriving[j];
  }
  REGIONS {
    good[j] *= held[j];
    share[j] = fresh[j] > tiny ? good[j] / MAX(fresh[j], tiny) : reach[j] * held[j] * able[j];
  }
}

/* world.World._failures */
static void give_back(struct world *w) {
  const struct clients *c = &w->clients;
  const i64 R = w->regions;
  if (w->no_retries) {
    memset(c->orbit, 0, (c->tries - 1) * c->count * R * sizeof(f64));
    memset(c->outstanding, 0, c->tries * c->count * R * sizeof(f64));
    return;
  }
  for (i64 k = 0; k < c->count; k++) {
    const i64 i = c->rows[k];
    const f64 *sent = w->sent + i * R, *timed = w->timed + i * R, *late = w->late + i * R;
    const f64 *answered = w->good + i * R, *needs = w->needs.met + i * R;
    f64 good[R], failed[R];
    REGIONS {
      good[j] = answered[j] * needs[j];
      failed[j] = MAX(0.0, sent[j] - good[j] - timed[j]) + late[j];
    }
    fail(w, k, failed, good, sent);
  }
}

static void add(f64 *sum, const f64 *one, i64 R) { REGIONS sum[j] += one[j]; }

/* steering.at_home, and meters.Meters.add; returns whether something fell or came back */
static int measure(struct world *w) {
  const i64 R = w->regions;
  const struct meters *m = &w->meters;
  const f64 below = m->down_below;
  int changed = 0;
  for (i64 i = 0; i < w->rows; i++) {
    const f64 *works = w->needs.works + i * (R + 1), *soft = w->soft + i * R;
    const f64 *keep = w->keep + i * R, *shares = w->shares + i * R;
    const u8 *placed = w->placed + i * R, *down = m->down + i * R;
    f64 *home = w->home + i * R, *sum = m->sum + i * R, *degraded = m->degraded + i * R;
    f64 elsewhere = 0.0, leads = 0.0;
    if (w->steered)
      REDUCED(+, elsewhere, leads) {
        elsewhere += works[j] * shares[j];
        leads += shares[j];
      }
    if (leads > 0) {
      REGIONS home[j] = works[j] * keep[j] + (1.0 - keep[j]) * elsewhere;
    } else {
      REGIONS home[j] = works[j];
    }
    REGIONS {
      sum[j] += home[j];
      degraded[j] += home[j] * (1.0 - soft[j]);
    }
    int differs = 0;
    REDUCED(|, differs) differs |= ((home[j] < below) & placed[j]) != down[j];
    changed |= differs;
  }
  add(m->works, w->needs.works, w->rows * (R + 1));
  add(m->works + m->doors * (R + 1), w->needs.works + m->doors * (R + 1), (m->ends - m->doors) * (R + 1));
  return changed;
}

static int step(struct world *w) {
  const i64 R = w->regions;
  f64 reach[R], usable[R], held[R];
  resolve(w);
  if (w->flowing) slow_down(w);
  for (i64 i = 0; i < w->rows; i++) {
    ready(w, i, reach, usable, held);
    if (w->flowing) {
      flow(w, i, reach, usable, held);
    } else {
      const f64 *used = w->used + i * R;
      f64 *share = w->share + i * R;
      REGIONS share[j] = reach[j] * held[j] * MIN(1.0, usable[j] / used[j]);
    }
  }
  if (w->flowing) {
    pass_on(w, w->worked);
    w->clients.full |= w->clients.budgets;
    w->queues.step_index++;
    w->crowds.step_index++;
  }
  rise(w);
  if (w->flowing) give_back(w);
  const int changed = measure(w);
  remember(w);
  follow(w);
  return changed;
}

/* Make steps until one changes who is down, so many at most; return how many were made. */
i64 outlast_steps(struct world *w, i64 most) {
  i64 made = 0;
  while (made < most) {
    made++;
    if (step(w)) break;
  }
  return made;
}
