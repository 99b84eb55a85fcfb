/* Three rules of the product as plain loops, same order of operations, for bench/floor.py. Arrays: rows first, path last. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(a, row) ((a) + (size_t)(row) * R)

static double ratio(double part, double whole, double empty) { return whole > 0.0 ? part / whole : empty; }

/* indices by falling key, equals in their order: merge sort */
static void falling(const double *restrict key, int *order, int *spare, int n) {
    for (int i = 0; i < n; i++) order[i] = i;
    for (int width = 1; width < n; width *= 2) {
        for (int lo = 0; lo < n; lo += 2 * width) {
            int mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n;
            for (int k = lo, i = lo, j = mid; k < hi; k++)
                spare[k] = i < mid && (j >= hi || !(key[order[j]] > key[order[i]])) ? order[i++] : order[j++];
        }
        memcpy(order, spare, n * sizeof(int));
    }
}

static double crossing(int J, int K, const double *restrict limit, const double *restrict quantity, const double *restrict budget, const double *restrict ask,
                       const double *restrict reserve, double total, double *room) {
    int n = 2 * J + K;
    double *kink = room, *flat = kink + n, *sloped = flat + n, *drop = sloped + n;
    int *order = (int *)(drop + n), *spare = order + n;
    for (int j = 0; j < J; j++) {
        double turn = ratio(budget[j], quantity[j], 0.0);
        int rich = turn >= limit[j];
        kink[j] = limit[j], flat[j] = rich ? quantity[j] : 0.0, sloped[j] = rich ? 0.0 : budget[j], drop[j] = 0.0;
        kink[J + j] = rich ? 0.0 : turn, flat[J + j] = rich ? 0.0 : quantity[j];
        sloped[J + j] = rich ? 0.0 : -budget[j], drop[J + j] = 0.0;
    }
    for (int k = 0; k < K; k++) {
        int i = 2 * J + k;
        kink[i] = ask[k] > 0.0 && isfinite(reserve[k]) ? reserve[k] : 0.0;
        flat[i] = sloped[i] = 0.0, drop[i] = ask[k];
    }
    falling(kink, order, spare, n);
    double tiny = 1e-12 * (total > 1.0 ? total : 1.0), a = 0.0, raw = 0.0, gone = 0.0, before = total;
    for (int i = 0; i < n; i++) {
        double p = kink[order[i]], below = i + 1 < n ? kink[order[i + 1]] : 0.0;
        a += flat[order[i]], raw += sloped[order[i]], gone += drop[order[i]];
        double b = raw > 0.0 ? raw : 0.0, left = total - gone;
        if (!(p > 0.0)) break;
        double here = a + b / p, inside = left - a > tiny ? b / (left - a) : INFINITY;
        int covered = here >= before - tiny && before > tiny;
        int drops = here >= left - tiny && before > tiny && left < before - tiny;
        if (covered || drops) return total > 0.0 ? p : 0.0;
        if (left > tiny && inside >= below) return total > 0.0 ? (inside < p ? inside : p) : 0.0;
        before = left;
    }
    return 0.0;
}

static void ration(int n, double *first, double *marginal, double traded) {
    double inner = 0.0, outer = 0.0;
    for (int i = 0; i < n; i++) inner += first[i], outer += marginal[i];
    double full = fmin(ratio(traded, inner, 0.0), 1.0), rest = fmin(fmax(ratio(traded - inner, outer, 0.0), 0.0), 1.0);
    for (int i = 0; i < n; i++) first[i] = first[i] * full + marginal[i] * rest;
}

/* model/auction.py: call_auction */
void call_auction(int J, int K, int R, const double *restrict limit, const double *restrict quantity, const double *restrict budget, const double *restrict ask,
                  const double *restrict reserve, double *restrict price, double *restrict bought, double *restrict sold) {
    int n = 2 * J + K;
    double *l = malloc(((J + K) * 5 + n * 4) * sizeof(double) + 2 * n * sizeof(int));
    double *q = l + J, *m = q + J, *first = m + J, *level = first + J;
    double *a = level + J, *v = a + K, *sure = v + K, *margin = sure + K, *room = margin + K;
    for (int r = 0; r < R; r++) {
        double total = 0.0, supply = 0.0, edge = 0.0, ahead = 0.0, equal = 0.0;
        for (int k = 0; k < K; k++) a[k] = AT(ask, k)[r], v[k] = AT(reserve, k)[r], total += a[k];
        for (int j = 0; j < J; j++) {
            l[j] = AT(limit, j)[r], m[j] = AT(budget, j)[r], q[j] = AT(quantity, j)[r];
            q[j] = l[j] > 0.0 && m[j] > 0.0 && q[j] > 0.0 ? q[j] : 0.0;
            m[j] = q[j] > 0.0 ? m[j] : 0.0;
        }
        double p = crossing(J, K, l, q, m, a, v, total, room);
        for (int j = 0; j < J; j++) {
            double can = fmin(q[j], ratio(m[j], p, 0.0));
            first[j] = l[j] > p && p > 0.0 ? can : 0.0, level[j] = l[j] == p && p > 0.0 ? can : 0.0;
            ahead += first[j], equal += level[j];
        }
        for (int k = 0; k < K; k++) {
            sure[k] = v[k] < p ? a[k] : 0.0, margin[k] = v[k] == p && p > 0.0 ? a[k] : 0.0;
            supply += sure[k], edge += margin[k];
        }
        double traded = fmin(ahead + equal, supply + edge);
        ration(J, first, level, traded), ration(K, sure, margin, traded);
        price[r] = traded > 0.0 ? p : 0.0;
        for (int j = 0; j < J; j++) AT(bought, j)[r] = first[j];
        for (int k = 0; k < K; k++) AT(sold, k)[r] = sure[k];
    }
    free(l);
}

/* agents/state.py, over_generations of units times a weight that is (G,) or (G, R) */
static void of_generations(int G, int R, const double *restrict units, const double *restrict weight, int wide, double *out) {
    for (int r = 0; r < R; r++) out[r] = units[r] * (wide ? weight[r] : weight[0]);
    for (int g = 1; g < G; g++)
        for (int r = 0; r < R; r++) out[r] += AT(units, g)[r] * (wide ? AT(weight, g)[r] : weight[g]);
}

/* model/debt.py: pledged_income. numbers: utilisation cap, hours, million, running cost per kWh */
void pledged_income(int E, int G, int R, int O, int P, int H, int B, const double *restrict numbers, const double *restrict units,
                    const double *restrict h100e, const double *restrict kw, const double *restrict earning, const double *restrict own, const double *restrict repo,
                    const long *restrict seller, const long *restrict facility, const long *restrict contract, const double *restrict unnamed,
                    const double *restrict delivered, const double *restrict revenue, const long *restrict borrower, const double *restrict site,
                    const long *restrict host, const double *restrict rent, const double *restrict other, const double *restrict alive, double *restrict out) {
    double cap = numbers[0], hours = numbers[1], million = numbers[2], running = numbers[3];
    double *capacity = calloc((size_t)(3 * E + O + 2 * B + G + 1) * R, sizeof(double));
    double *contracted = AT(capacity, E), *earned = AT(contracted, E), *whole = AT(earned, E), *sites = AT(whole, O);
    double *rents = AT(sites, B), *held = AT(rents, B), *sum = AT(held, G);
    for (int e = 0; e < E; e++) {
        of_generations(G, R, AT(units, e * G), h100e, 0, AT(capacity, e));
        for (int r = 0; r < R; r++) AT(capacity, e)[r] *= cap, AT(sites, borrower[e])[r] += AT(site, e)[r];
    }
    for (int p = 0; p < P; p++)
        for (int r = 0; r < R; r++) AT(whole, contract[p])[r] += AT(capacity, facility[p])[r];
    for (int o = 0; o < O; o++) {
        const double *restrict u = AT(own, seller[o] * G), *w = AT(repo, seller[o] * G);
        for (int i = 0; i < G * R; i++) held[i] = u[i] + w[i];
        of_generations(G, R, held, h100e, 0, sum);
        for (int r = 0; r < R; r++) AT(whole, o)[r] += unnamed[o] * (sum[r] * cap);
    }
    for (int p = 0; p < P; p++)
        for (int r = 0; r < R; r++) {
            double share = ratio(AT(capacity, facility[p])[r], AT(whole, contract[p])[r], 0.0);
            AT(contracted, facility[p])[r] += share * AT(delivered, contract[p])[r];
            AT(earned, facility[p])[r] += share * AT(revenue, contract[p])[r];
        }
    for (int h = 0; h < H; h++)
        for (int r = 0; r < R; r++) AT(rents, host[h])[r] += AT(rent, h)[r];
    for (int i = 0; i < B * R; i++) rents[i] += other[i] * alive[i];
    for (int e = 0; e < E; e++) {
        double *c = AT(capacity, e), *k = AT(contracted, e), *x = AT(out, e);
        of_generations(G, R, AT(units, e * G), earning, 1, sum);
        of_generations(G, R, AT(units, e * G), kw, 0, held);
        for (int r = 0; r < R; r++) {
            double income = AT(earned, e)[r] * fmin(ratio(c[r], k[r], 1.0), 1.0);
            double machines = sum[r] * fmax(1.0 - ratio(k[r], c[r], 1.0), 0.0) / million;
            double sited = ratio(AT(site, e)[r], AT(sites, borrower[e])[r], 0.0) * AT(rents, borrower[e])[r];
            x[r] = income + machines - held[r] * hours / million * running + sited;
        }
    }
    free(capacity);
}

/* model/ledger.py: one leg of a payment along edges, to agents of one sector or (miners before `split`) of two */
void leg(int E, int N, int R, int split, double sign, const double *restrict amount, const long *restrict index, double *restrict cash, double *restrict flow,
         double *restrict sector_a, double *restrict sector_b, double *restrict turnover, double *restrict each) {
    memset(each, 0, (size_t)N * R * sizeof(double));
    for (int e = 0; e < E; e++)
        for (int r = 0; r < R; r++) AT(each, index[e])[r] += sign * AT(amount, e)[r];
    double *restrict total = AT(each, N);
    for (int part = 0; part < 3; part++) {
        int from = part == 1 ? split : 0, to = part == 0 ? split : N;
        memset(total, 0, R * sizeof(double));
        for (int i = from; i < to; i++)
            for (int r = 0; r < R; r++) total[r] += part == 2 ? fabs(AT(each, i)[r]) : AT(each, i)[r];
        double *into = part == 0 ? sector_a : part == 1 ? sector_b : turnover;
        if (from < to) for (int r = 0; r < R; r++) into[r] += total[r];
    }
    for (int i = 0; i < N * R; i++) cash[i] += each[i], flow[i] += each[i];
}
