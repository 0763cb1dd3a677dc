/* People newly hit in a minute, who may write reports: the loop form of `Population.hit` and `Meters.report`,
 * for services that share homes and daytime. A service that never hit anybody is passed over. */

void outlast_report(struct people *p) {
  const i64 R = p->countries, regions = p->regions;
  const f64 decay = p->decay;
  for (i64 k = 0; k < p->count; k++) {
    const i64 row = p->rows[k];
    const f64 *trouble = p->trouble + row * regions, *people = p->people + k * R, *lost = p->lost;
    f64 *reported = p->reported + row * R, *fresh = p->fresh, share[R];
    const f64 ratio = p->ratio[row];
    int any = p->touched[row] || p->severed;
    for (i64 r = 0; r < regions; r++) any |= trouble[r] != 0.0;
    if (!any) continue;
    p->touched[row] = 1;
    REGIONS share[j] = lost[j];
    for (i64 r = 0; r < regions; r++) {
      const f64 here = trouble[r], *weights = p->weights + r * R;
      REGIONS share[j] += here * weights[j];
    }
    REGIONS {
      const f64 newly = MAX(share[j] * people[j] - reported[j], 0.0);
      reported[j] = reported[j] * decay + newly;
      fresh[j] += ratio * newly;
    }
  }
}
