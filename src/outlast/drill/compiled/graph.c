/* The graph: how well needs are met, from the bottom up, and who calls whom.
 *
 * The loop form of `outlast.drill.needs.Needs.rise` and `outlast.drill.flows.Flows`. An edge whose regions
 * lie side by side in `works` is read as one run; the others look each region up. */

/* needs.Bundle.met, for the edges of one service */
static void met(const struct world *w, i64 first, i64 last, const f64 *prior, f64 *out) {
  const struct needs *m = &w->needs;
  const i64 R = w->regions;
  f64 value[R], best[R];
  int begins = 1, alone = 1;
  for (i64 e = first; e < last; e++) {
    const i64 *places = m->places + e * R;
    const f64 *run = m->base[e] >= 0 ? m->works + m->base[e] : 0;
    if (prior && m->late[e] >= 0) run = prior + m->late[e] * R;
    if (m->cut[e]) run = w->nothing;
    if (run) {
      REGIONS value[j] = run[j];
    } else {
      const f64 *all = m->works;
      REGIONS value[j] = all[places[j]];
    }
    if (m->memory[e] >= 0 && !m->cut[e]) {
      const f64 *left_s = m->left_s + m->memory[e] * R;
      REGIONS value[j] = left_s[j] > 0.0 ? 1.0 : value[j];
    }
    if (begins) {
      REGIONS best[j] = value[j];
    } else {
      REGIONS best[j] = MAX(best[j], value[j]);
    }
    begins = m->ends[e];
    if (!begins) continue;
    if (alone) {
      REGIONS out[j] = best[j];
    } else {
      REGIONS out[j] *= best[j];
    }
    alone = 0;
  }
}

/* needs.Needs.rise: what a service needs stands on a level below its own, or, where it closes a circle,
 * above; so levels need not be told apart. */
static void rise(struct world *w) {
  const struct needs *m = &w->needs;
  const i64 R = w->regions;
  for (i64 e = 0; e < m->circles; e++) {
    const i64 *places = m->circle_places + e * R;
    REGIONS m->prior[e * R + j] = m->works[places[j]];
  }
  for (i64 k = 0; k < w->rows; k++) {
    const i64 row = m->order[k];
    if (m->first[row] >= 0) met(w, m->first[row], m->last[row], 0, m->met + row * R);
    const f64 *share = w->share + row * R, *needs = m->met + row * R, *here = w->here + row * R;
    f64 *works = m->works + row * (R + 1), anywhere = 0.0;
    REGIONS works[j] = MIN(share[j] * needs[j], 1.0);
    REDUCED(max, anywhere) anywhere = MAX(anywhere, works[j] * here[j]);
    works[R] = anywhere;
  }
  for (i64 k = 0; k < m->wishes; k++) {
    const i64 row = m->wish_rows[k];
    met(w, m->wish_first[k], m->wish_last[k], m->prior, w->soft + row * R);
  }
}

/* mechanisms.memory.step_left */
static void remember(struct world *w) {
  const struct needs *m = &w->needs;
  const i64 R = w->regions;
  for (i64 k = 0; k < m->remembered; k++) {
    const i64 *places = m->memory_places + k * R;
    const f64 cached_s = m->cached_s[k], refreshing = m->refreshing, dt_s = w->dt_s;
    f64 *left_s = m->left_s + k * R;
    if (m->memory_base[k] >= 0) {
      const f64 *run = m->works + m->memory_base[k];
      REGIONS left_s[j] = run[j] > refreshing ? cached_s : MAX(0.0, left_s[j] - dt_s);
    } else {
      const f64 *all = m->works;
      REGIONS left_s[j] = all[places[j]] > refreshing ? cached_s : MAX(0.0, left_s[j] - dt_s);
    }
  }
}

/* flows.Flows.pass_on: calls lie in runs of neighbouring regions */
static void pass_on(struct world *w, const f64 *worked) {
  const struct flows *m = &w->flows;
  const f64 dt_s = w->dt_s;
  if (!m->runs) return;
  for (i64 k = 0; k < w->rows * w->regions; k++) m->now[k] = 0.0;
  for (i64 run = 0; run < m->runs; run++) {
    const f64 *from = worked + m->run_from[run], ratio = m->run_ratio[run];
    f64 *to = m->now + m->run_to[run];
    const i64 R = m->run_length[run];
    REGIONS to[j] += from[j] / dt_s * ratio;
  }
}

/* flows.Flows.waiting and world.World._slower */
static void slow_down(struct world *w) {
  const struct flows *m = &w->flows;
  const i64 R = w->regions;
  for (i64 k = 0; k < w->rows * R; k++) w->extra_s[k] = w->slower_s[k];
  if (w->no_waiting) return;
  f64 most = 0.0;
  for (i64 i = 0; i < w->rows; i++) {
    const f64 *excess = w->excess_s + i * R;
    REDUCED(max, most) most = MAX(most, excess[j]);
  }
  if (!(most > w->tiny)) return;
  for (i64 k = 0; k < m->waits; k++) {
    f64 sum[R], *extra = w->extra_s + m->waiters[k] * R;
    REGIONS sum[j] = 0.0;
    for (i64 e = m->wait_first[k]; e < m->wait_first[k + 1]; e++) {
      const i64 *places = m->wait_places + e * R;
      REGIONS sum[j] += w->excess_s[places[j]];
    }
    REGIONS extra[j] += sum[j];
  }
}
