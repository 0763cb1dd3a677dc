/* What follows slowly from the flow of requests: names, leases, backlogs, credentials, health checks,
 * capacity. Each function is the loop form of a step in `outlast.drill.mechanisms`. */

/* mechanisms.resolving.Resolving.step, for names of services */
static void resolve(const struct world *w) {
  const struct names *m = &w->names;
  const i64 R = w->regions, silent = m->silent;
  const f64 dt_s = w->dt_s;
  for (i64 k = 0; k < m->count; k++) {
    const f64 ignore = m->ignore[k], stale_ratio = m->stale[k], open_s = m->open_s[k];
    const f64 alive = open_s > 0 ? exp(-dt_s / MAX(open_s, 1e-9)) : 0.0;
    f64 *has = m->has + k * R, *connected = m->connected + k * R;
    const f64 *climb = m->climb + k * R, *fall = m->fall + k * R;
    const u8 *said = m->said + k * R;
    REGIONS {
      has[j] = CLIP(has[j] + (climb[j] - fall[j]) * dt_s);
      const f64 stale = said[j] == silent ? stale_ratio : 0.0;
      const f64 found = ignore + (1.0 - ignore) * (stale + (1.0 - stale) * has[j]);
      connected[j] = MAX(found, connected[j] * alive);
    }
  }
}

/* world.World._via: how well what a part leans on works, at home or anywhere */
static void lean(const struct world *w, i64 via, f64 *out) {
  const i64 R = w->regions;
  if (via < 0) {
    REGIONS out[j] = 1.0;
    return;
  }
  const f64 *works = w->needs.works + via * (R + 1), anywhere = works[R];
  const u8 *placed = w->placed + via * R;
  REGIONS out[j] = placed[j] ? works[j] : anywhere;
}

/* mechanisms.leases.Leases.step */
static void renew(const struct world *w, i64 k) {
  const struct leases *m = &w->leases;
  const i64 R = w->regions, rows = m->count, row = m->rows[k], at = m->step_index - m->lag[k];
  const f64 dt_s = w->dt_s, count = m->counts[k], expire_s = m->expire_s[k];
  const f64 deadline = m->deadline_s[k], enough = m->working;
  const int drops = m->drop_expired[k];
  f64 *good = m->good + k * R, *broken = m->broken + k * R, *pending = m->pending + k * R;
  f64 *arrived = m->arrived + k * R, *taken = m->taken + k * R;
  const f64 *rate = m->rate + k * R, *admission = m->admission + k * R;
  const f64 *throttle = w->admit + row * R;
  f64 *slot = m->ring + ((m->step_index % m->length) * rows + k) * R;
  const f64 *old = before(w, m->ring, m->length, at, rows, k);
  const f64 *older = before(w, m->ring, m->length, at - 1, rows, k);
  f64 via[R];
  lean(w, m->via[k], via);
  REGIONS {
    const f64 lost = MIN(good[j], count * (1.0 - via[j]) * dt_s / expire_s);
    const f64 held = good[j] - lost, open = broken[j] + lost;
    const int working = via[j] > enough, throttled = throttle[j] < 1.0;
    const f64 own = admission[j] > 0 ? admission[j] : (throttled ? throttle[j] : INFINITY);
    const f64 limit = throttled ? MIN(own, throttle[j]) : own;
    const int gated = limit < INFINITY;
    const f64 space =
        gated ? MAX(0.0, limit * rate[j] * deadline - (arrived[j] - taken[j])) : INFINITY;
    const f64 enter = working ? MIN(open, space) : 0.0;
    const f64 expired = old[j];
    const f64 newly = MIN(MAX(0.0, expired - MAX(older[j], taken[j])), pending[j]);
    const f64 again = gated ? 0.0 : newly;
    broken[j] = open - enter + (newly - again);
    arrived[j] = arrived[j] + enter + again;
    const f64 waiting = pending[j] + enter + again - newly;
    const f64 room = rate[j] * (working ? via[j] : 0.0) * dt_s;
    const f64 start = drops ? MAX(taken[j], expired) : taken[j];
    const f64 after = MIN(arrived[j], start + room);
    const f64 done = MIN(MAX(0.0, after - MAX(start, expired)), waiting);
    taken[j] = MAX(taken[j], after);
    pending[j] = waiting - done;
    good[j] = held + done;
  }
  REGIONS slot[j] = arrived[j];
}

/* world.World._pile and mechanisms.backlog.Backlogs.step */
static void pile(const struct world *w, i64 k) {
  const struct backlogs *m = &w->backlogs;
  const i64 R = w->regions, of = m->via[k], row = m->rows[k];
  const f64 *works = w->needs.works + of * (R + 1), *fresh = w->fresh + of * R;
  const f64 *alive = w->alive + row * R, *met = w->needs.met + row * R;
  const f64 *admit = w->admit + row * R, *rate = m->rate + k * R;
  const u8 *placed = w->placed + row * R;
  const f64 units = m->units[k], missed = m->missed[k], dt_s = w->dt_s;
  f64 *queue = m->queue + k * R;
  REGIONS {
    const f64 own = placed[j] ? alive[j] * met[j] : 0.0;
    const f64 good = fresh[j] * works[j], failed = fresh[j] * (1.0 - works[j]);
    const f64 all = queue[j] + (good * units + failed * missed) * admit[j];
    queue[j] = all - MIN(all, rate[j] * own * dt_s);
  }
}

/* mechanisms.credentials.step_valid */
static void reissue(const struct world *w, i64 k) {
  const struct credentials *m = &w->credentials;
  const i64 R = w->regions;
  const f64 back = 1.0 - exp(-w->dt_s / m->return_s), ttl_s = m->ttl_s[k], dt_s = w->dt_s;
  f64 *valid = m->valid + k * R, via[R];
  lean(w, m->via[k], via);
  REGIONS {
    const f64 lost = (1.0 - via[j]) * dt_s / ttl_s;
    valid[j] = CLIP(valid[j] - lost + via[j] * (1.0 - valid[j]) * back);
  }
}

/* world.World._check and mechanisms.health.Health.step */
static void check(const struct world *w, i64 k) {
  const struct health *m = &w->health;
  const i64 R = w->regions, source = m->arriving[k];
  const f64 dt_s = w->dt_s, interval = m->interval_s[k], nodes = m->nodes[k];
  const f64 fall_s = m->fall[k] * interval, rise_s = m->rise[k] * interval;
  const f64 most = m->velocity[k] > 0 ? m->velocity[k] * dt_s / 60.0 : INFINITY;
  const f64 can = m->checker_rate[k] > 0 ? m->checker_rate[k] : INFINITY;
  const f64 weight = MIN(1.0, dt_s / (interval * m->fall[k])), removable = m->removable[k];
  const f64 new_ratio = m->new_ratio[k], flap_checks = m->flap_checks;
  const f64 *arriving = source < 0 ? w->ones : w->needs.works + source * (R + 1);
  const f64 *lying = w->lying + m->rows[k] * R;
  const u8 *off = m->off + k * R;
  f64 *out = m->out + k * R, *late = m->late + k * R, via[R];
  lean(w, m->via[k], via);
  REGIONS {
    const f64 behind = (1.0 - via[j]) * new_ratio * arriving[j];
    const f64 bad = CLIP(lying[j] + behind);
    const f64 failing = CLIP(bad + (1.0 - bad) * late[j]);
    f64 leaving = (1.0 - out[j]) * failing * dt_s / fall_s;
    const f64 coming = MIN(out[j] * (1.0 - failing) * dt_s / rise_s, out[j]);
    leaving = MIN(MIN(leaving, most), MAX(0.0, removable - out[j]));
    leaving = off[j] ? 0.0 : leaving;
    const f64 wanted = nodes / interval + nodes * (leaving + coming) / dt_s * flap_checks;
    const f64 behindhand = wanted > can ? 1.0 - can / MAX(wanted, 1e-12) : 0.0;
    late[j] += (behindhand - late[j]) * weight;
    out[j] = off[j] ? 0.0 : CLIP(out[j] + leaving - coming);
  }
}

/* world.World._scale and mechanisms.autoscaling.Scalers.step */
static void scale(const struct world *w, i64 k) {
  const struct scalers *m = &w->scalers;
  const i64 R = w->regions, row = m->rows[k];
  const f64 dt_s = w->dt_s, low_ratio = m->low[k], least = m->least[k], most = m->most[k];
  const f64 step = m->step[k] * dt_s / 60.0, churn = m->churn[k], target = m->target[k], tiny = w->tiny;
  const f64 arrives = 1.0 - exp(-dt_s / MAX(m->delay_s[k] + m->warmup_s[k], 1e-9));
  const f64 *used = w->used + row * R, *resting = w->flows.resting + row * R, *sent = w->sent + row * R;
  const u8 *frozen = m->frozen + k * R;
  f64 *running = m->running + k * R, *starting = m->starting + k * R, via[R];
  lean(w, m->via[k], via);
  REGIONS {
    const f64 rest = MAX(resting[j], tiny);
    const f64 factor = resting[j] > tiny ? sent[j] / dt_s / rest : 1.0;
    const f64 use = used[j] * factor / MAX(running[j], tiny);
    const f64 ended = running[j] * churn * dt_s / 3600.0;
    f64 wanted = running[j] * use / MAX(target, used[j]);
    wanted = MIN(MAX(wanted, least), most);
    wanted = MAX(wanted, low_ratio > 0 ? least : 1.0);
    f64 asked = MIN(MAX(wanted - running[j] - starting[j], 0.0), step);
    asked = frozen[j] ? 0.0 : asked;
    const int low = low_ratio > 0 && use < low_ratio && !frozen[j];
    const f64 shrink = low ? MIN(step, MAX(0.0, running[j] - least)) : 0.0;
    const f64 arriving = starting[j] * arrives;
    starting[j] = starting[j] + asked * via[j] - arriving;
    running[j] = MAX(0.0, running[j] - ended - shrink + arriving);
  }
}

/* world.World._follow; needs are remembered in `graph.c` */
static void follow(struct world *w) {
  for (i64 k = 0; k < w->leases.count; k++) renew(w, k);
  for (i64 k = 0; k < w->backlogs.count; k++) pile(w, k);
  for (i64 k = 0; k < w->credentials.count; k++) reissue(w, k);
  for (i64 k = 0; k < w->health.count; k++) check(w, k);
  for (i64 k = 0; k < w->scalers.count; k++) scale(w, k);
  w->leases.step_index++;
}
