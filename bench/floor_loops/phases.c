/* Three phases of the product as plain loops, for bench/floor.py: rules as `baseline` switches them. Arrays: rows first,
   path last; a struct holds what a phase reads and writes, by the names that bench/floor_phases.py gives. */
#include "rules.c"

#define EACH for (int r = 0; r < R; r++)
#define MILLION 1e6
#define HOURS 730.0
#define DAYS (365.0 / 12.0)
#define AMPLE 99.0
#define PETA 1000.0

static double clipped(double x, double low, double high) { return fmin(fmax(x, low), high); }

static double annuity(double rate, double months) {
    double i = rate / 12.0;
    return i > 0.0 ? -expm1(-months * log1p(i)) / i : months;
}

static double discount(double rate, double months) { return exp(-months * log1p(rate / 12.0)); }

static double *zeros(double *a, size_t size) { return memset(a, 0, size * sizeof(double)); }

/* out (N, R) is the sum of value (E, R) by index */
static void gathered(int E, int N, int R, const long *index, const double *restrict value, double *restrict out) {
    zeros(out, (size_t)N * R);
    for (int e = 0; e < E; e++) EACH AT(out, index[e])[r] += AT(value, e)[r];
}

/* out (R) is the sum over generations of units times price, both (G, R), in USD million */
static void worth(int G, int R, const double *units, const double *price, double *out) {
    of_generations(G, R, units, price, 1, out);
    EACH out[r] /= MILLION;
}

/* What bidders start with, and what a session of auctions leaves: model/trade.py */
struct trade {
    long N, G, R, tranches;
    double slope;
    const double *limit, *broker, *kw, *liquid, *scrap, *patient_reserve, *haircut;
    double *free, *appetite, *budget, *cash, *capacity, *own_cash;
    const double *forced, *patient;
    double *price, *sold, *forced_share, *patient_share, *bought;
};

/* model/trade.py: Trade.clear, newest generation first */
void sells(struct trade *t) {
    int N = t->N, G = t->G, R = t->R, T = t->tranches, J = N * T;
    double *bid = malloc(((size_t)4 * J + 2 * J + 8) * sizeof(double));
    double *limit = bid, *quantity = limit + J, *budget = quantity + J, *got = budget + J, *ask = got + J;
    for (int g = G - 1; g >= 0; g--) {
        int cool = t->liquid[g] > 0.0 ? 1 : 0;
        EACH {
            ask[0] = AT(t->forced, g)[r], ask[1] = AT(t->patient, g)[r];
            if (ask[0] == 0.0 && ask[1] == 0.0) continue;
            for (int n = 0; n < N; n++) {
                double room = fmax(fmin(AT(t->free, 2 * n + cool)[r], AT(t->appetite, 2 * n + cool)[r]), 0.0);
                double cut = AT(t->haircut, n * G + g)[r], money = AT(t->budget, n)[r];
                if (t->broker[n] > 0.0) {
                    double own = cut > 0.0 ? AT(t->cash, n)[r] / fmax(cut, 1.0 / MILLION) : money;
                    double lent = cut < 1.0 ? AT(t->capacity, n)[r] / fmax(1.0 - cut, 1.0 / MILLION) : 0.0;
                    money = fmax(fmin(money, fmin(own, lent)), 0.0);
                }
                for (int j = 0; j < T; j++) {
                    int b = j * N + n;
                    limit[b] = AT(t->limit, n * G + g)[r] * (1.0 - t->slope * j / T);
                    quantity[b] = room / t->kw[g] / T, budget[b] = money / T * MILLION;
                }
            }
            double price, sold[2], reserve[2] = {AT(t->scrap, g)[r], AT(t->patient_reserve, g)[r]};
            call_auction(J, 2, 1, limit, quantity, budget, ask, reserve, &price, got, sold);
            int some = sold[0] + sold[1] > 1e-6;
            AT(t->price, g)[r] = some ? price : 0.0, AT(t->sold, g)[r] = some ? sold[0] + sold[1] : 0.0;
            AT(t->forced_share, g)[r] = some ? ratio(sold[0], ask[0], 0.0) : 0.0;
            AT(t->patient_share, g)[r] = some ? ratio(sold[1], ask[1], 0.0) : 0.0;
            for (int n = 0; n < N && some; n++) {
                double bought = 0.0;
                for (int j = 0; j < T; j++) bought += got[j * N + n];
                double power = bought * t->kw[g], spent = bought * price / MILLION, cut = AT(t->haircut, n * G + g)[r];
                double own = t->broker[n] * spent * cut;
                AT(t->bought, n * G + g)[r] = bought;
                AT(t->free, 2 * n + cool)[r] -= power, AT(t->appetite, 2 * n + cool)[r] -= power;
                AT(t->budget, n)[r] -= spent, AT(t->own_cash, n)[r] += own, AT(t->cash, n)[r] -= own;
                AT(t->capacity, n)[r] -= t->broker[n] * spent * (1.0 - cut);
            }
        }
    }
    free(bid);
}

/* What the month's end and the month's dues both need of bidders and lenders to price a sale of everything at once */
struct month {
    long E, G, R, B, L, N, O, H, P, W, tranches;
    double slope, scrap, seized_value, seized_mark, budget_multiple, appetite_share, repo_capacity, hair, hair_volatility,
        hair_drawdown, hair_shortfall, hair_floor;
    const double *bid_limit, *broker, *kw, *liquid, *list_start, *free, *budget, *bidder_cash, *bidder_alive;
    const long *broker_lender;
    const double *broker_share;
    const double *equity, *assets, *target, *dealer, *lender_alive, *tight, *repo_lent, *lender_cash, *equity_ratio;
    const double *mark, *value, *peak, *volatility, *appraisal, *earning;
    /* facilities */
    const long *borrower, *lender, *kind;
    const double *earns, *secured, *convertible, *machine_loan;
    const double *drawn, *contract_rate, *units, *coins, *site_mw, *dscr_min, *ltv_cap;
    double *rate, *months_left, *waiver_left, *income, *interest_due, *principal_due, *fee_due, *service, *coverage;
    /* borrowers */
    const double *alive, *cash, *own_coins, *own_sites, *own_units, *repo_units, *official_units, *book, *firm_income,
        *repo_debt, *official_debt, *strike, *hash_cost, *hash_eh, *other_income, *arrears, *site_arrears;
    double *repo_due, *repo_interest;
    const long *repo_lender;
    /* contracts, leases, world */
    const long *seller, *pledge_facility, *pledge_contract, *host, *tenant;
    const double *unnamed, *delivered, *revenue, *contract_price, *contract_left, *lease_rent, *live, *lease_left, *starts_in,
        *relet_in, *lease_earned, *lease_owed, *coin, *rent, *closed, *hashprice, *h100e, *power;
    /* drains */
    const double *spot_lost, *hashprice_start, *contract_gone;
    double *d_own, *d_facility, *d_contract, *d_lease, *p_own, *p_contract, *p_lease;
    double utilisation_cap, running_cost, base_rate, repo_spread, funding_spread, site_value, reference_rent, relet_price,
        equity_multiple, roll_ltv, roll_months, roll_decay, dscr_floor, cure_share, liquidation_cost, waiver_fee, waiver_months,
        belief, fee;
    /* the books */
    const double *matrix, *turnover, *stock[4], *flow[4], *open[4];
    const double *debt_open, *debt_flow, *debt_rows, *units_open, *units_flow, *coins_open, *coins_flow, *funding_open,
        *warehouse_open, *warehouse_flow, *repo_open, *repo_flow, *stable, *short_funding, *funding_due, *lines_drawn,
        *bidder_repo, *seized, *bidder_units, *public_units;
    long rows, sectors, split, row_draws, row_issued, row_in, row_out, capital;
    double *ltv, *gaps;
};

static double shortfall(const struct month *m, int l, int r, int R) {
    return clipped(ratio(m->target[l] - AT(m->equity_ratio, l)[r], m->target[l], 0.0), 0.0, 1.0);
}

static double lends(const struct month *m, int l, int r, int R) {
    double spare = fmax(AT(m->equity, l)[r] - m->target[l] * AT(m->assets, l)[r], 0.0);
    double willing = m->dealer[l] * AT(m->lender_alive, l)[r] * (1.0 - AT(m->tight, l)[r]);
    return clipped(m->repo_capacity * spare * willing - AT(m->repo_lent, l)[r], 0.0, fmax(AT(m->lender_cash, l)[r], 0.0));
}

static double haircut(const struct month *m, double own, int g, int r, int R) {
    double fall = 1.0 - ratio(AT(m->mark, g)[r], AT(m->peak, g)[r], 1.0);
    double raw = m->hair + m->hair_volatility * AT(m->volatility, g)[r] + m->hair_drawdown * fall;
    return clipped(raw + own, m->hair_floor, 1.0);
}

/* model/secondary.py: depth_price, with what opens a trade; price (G, R) times the share sold */
static void depth_price(const struct month *m, const double *units, double *price) {
    int N = m->N, G = m->G, R = m->R;
    size_t n1 = (size_t)N * R, g1 = (size_t)G * R;
    double *room = calloc(2 * N * R + 2 * n1 + 2 * n1 + n1 + N * g1 * 2 + 8 * g1 + 2 * n1, sizeof(double)), *next = room;
    struct trade t = {.N = N, .G = G, .R = R, .tranches = m->tranches, .slope = m->slope};
    t.limit = m->bid_limit, t.broker = m->broker, t.kw = m->kw, t.liquid = m->liquid, t.forced = units;
    t.free = next, next += 2 * n1, t.appetite = next, next += 2 * n1, t.budget = next, next += n1, t.cash = next, next += n1;
    t.capacity = next, next += n1, t.own_cash = next, next += n1, t.bought = next, next += N * g1;
    double *cut = next;
    next += N * g1, t.haircut = cut;
    double *scrap = next, *patient = scrap + g1, *nothing = patient + g1;
    t.scrap = scrap, t.patient_reserve = patient, t.patient = nothing;
    t.price = nothing + g1, t.sold = t.price + g1, t.forced_share = t.sold + g1, t.patient_share = t.forced_share + g1;
    memcpy(t.free, m->free, 2 * n1 * sizeof(double)), memcpy(t.cash, m->bidder_cash, n1 * sizeof(double));
    for (int n = 0; n < N; n++)
        EACH {
            int l = m->broker_lender[n];
            double up = AT(m->bidder_alive, n)[r], own = m->hair_shortfall * shortfall(m, l, r, R);
            for (int c = 0; c < 2; c++) AT(t.appetite, 2 * n + c)[r] = AT(m->free, 2 * n + c)[r] * m->appetite_share * up;
            AT(t.budget, n)[r] = m->budget[n] * m->budget_multiple * up;
            AT(t.capacity, n)[r] = lends(m, l, r, R) * m->broker_share[n];
            for (int g = 0; g < G; g++) AT(cut, n * G + g)[r] = haircut(m, own, g, r, R);
        }
    for (int g = 0; g < G; g++)
        EACH {
            double least = m->scrap * m->list_start[g];
            AT(scrap, g)[r] = least;
            AT(patient, g)[r] = fmax(fmax(m->seized_value * AT(m->value, g)[r], m->seized_mark * AT(m->mark, g)[r]), least);
        }
    sells(&t);
    for (size_t i = 0; i < g1; i++) price[i] = t.price[i] * t.forced_share[i];
    free(room);
}

/* model/drains.py: on_coverage */
static void on_coverage(struct month *m, const double *amount, double *each) {
    int R = m->R;
    gathered(m->E, m->B, R, m->borrower, amount, each);
    for (int b = 0; b < m->B; b++)
        for (int k = 0; k < 4; k++) EACH AT(m->d_own, b * 8 + k)[r] += AT(m->p_own, b * 4 + k)[r] * AT(each, b)[r];
    for (int o = 0; o < m->O; o++)
        for (int k = 0; k < 2; k++)
            EACH AT(m->d_contract, o * 2 + k)[r] += AT(m->p_contract, o * 2 + k)[r] * AT(each, m->seller[o])[r];
    for (int h = 0; h < m->H; h++) EACH AT(m->d_lease, h)[r] += AT(m->p_lease, h)[r] * AT(each, m->host[h])[r];
}

/* model/repo.py: falls_due and drains_repo, without brokers and public loans */
static void repo_falls_due(struct month *m) {
    int G = m->G, R = m->R;
    for (int b = 0; b < m->B; b++) {
        int l = m->repo_lender[b];
        EACH {
            double debt = AT(m->repo_debt, b)[r], lendable = 0.0, value = 0.0, own = m->hair_shortfall * shortfall(m, l, r, R);
            for (int g = 0; g < G; g++) {
                double piece = AT(m->repo_units, b * G + g)[r] * AT(m->mark, g)[r];
                value += piece, lendable += piece / MILLION * (1.0 - haircut(m, own, g, r, R));
            }
            double kept = fmin(fmin(debt, lendable), lends(m, l, r, R) + debt);
            double due = (debt - kept) * AT(m->alive, b)[r], dealers = fmin(value / MILLION * own, due);
            AT(m->repo_due, b)[r] = due;
            AT(m->repo_interest, b)[r] = debt * (m->base_rate + m->repo_spread) / 12.0 * AT(m->alive, b)[r];
            AT(m->d_own, b * 8 + 6)[r] += dealers, AT(m->d_own, b * 8 + 7)[r] += due - dealers;
        }
    }
}

/* model/drains.py: operating_gap; room for 3 B + 2 O + H rows */
static void operating_gap(struct month *m, double *room) {
    int R = m->R, B = m->B;
    double *service = room, *fall = AT(service, B), *scale = AT(fall, B), *taken = AT(scale, B), *left = AT(taken, 2 * m->O);
    gathered(m->E, B, R, m->borrower, m->service, service);
    zeros(fall, (size_t)B * R), zeros(m->p_own, (size_t)B * 4 * R);
    for (int e = 0; e < m->E; e++)
        EACH AT(m->p_own, m->borrower[e] * 4 + 3)[r] += AT(m->drawn, e)[r] * fmax(AT(m->rate, e)[r] - m->contract_rate[e], 0.0);
    for (int b = 0; b < B; b++)
        EACH {
            double up = AT(m->alive, b)[r], cost = m->hash_cost[b];
            double margin = fmax(m->hashprice_start[r] - cost, 0.0) - fmax(m->hashprice[r] - cost, 0.0);
            double *p = AT(m->p_own, b * 4) + r;
            p[0] = AT(m->spot_lost, b)[r] * up;
            p[R] = AT(m->hash_eh, b)[r] * PETA * DAYS / MILLION * fmax(margin, 0.0) * up;
            p[3 * R] = p[3 * R] / 12.0 * up;
            AT(fall, b)[r] = p[0] + p[R] + p[3 * R];
        }
    for (int o = 0; o < m->O; o++)
        EACH {
            double worse = fmax(AT(m->contract_price, o)[r] - m->rent[r] * (1.0 - m->fee), 0.0) * HOURS / MILLION;
            double still = AT(m->contract_left, o)[r] > 0.0 ? AT(m->alive, m->seller[o])[r] : 0.0;
            double a = AT(m->contract_gone, 2 * o)[r] * (worse * still), b = AT(m->contract_gone, 2 * o + 1)[r] * (worse * still);
            AT(taken, 2 * o)[r] = a, AT(taken, 2 * o + 1)[r] = b, AT(fall, m->seller[o])[r] += a + b;
        }
    for (int h = 0; h < m->H; h++)
        EACH {
            double runs = AT(m->starts_in, h)[r] < 0.0 && AT(m->lease_left, h)[r] > 0.0 ? AT(m->alive, m->host[h])[r] : 0.0;
            AT(left, h)[r] = fmax(AT(m->lease_rent, h)[r] * runs - AT(m->lease_earned, h)[r], 0.0) * (1.0 - AT(m->live, h)[r]);
            AT(fall, m->host[h])[r] += AT(left, h)[r];
        }
    for (int b = 0; b < B; b++)
        EACH {
            double gap = fmax(AT(service, b)[r] + AT(m->repo_interest, b)[r] - AT(m->firm_income, b)[r], 0.0) * AT(m->alive, b)[r];
            double down = AT(fall, b)[r], weak = fmax(gap - down, 0.0), whole = down + weak, *p = AT(m->p_own, b * 4) + r;
            AT(scale, b)[r] = fmin(ratio(gap, down, 0.0), 1.0), AT(service, b)[r] = whole;
            for (int k = 0; k < 4; k++) {
                AT(m->d_own, b * 8 + k)[r] += p[k * R] * AT(scale, b)[r];
                p[k * R] = ratio(p[k * R], whole, 0.0);
            }
            AT(m->d_own, b * 8 + 2)[r] += weak, p[2 * R] = ratio(weak, whole, 1.0);
        }
    for (int o = 0; o < 2 * m->O; o++)
        EACH {
            AT(m->d_contract, o)[r] += AT(taken, o)[r] * AT(scale, m->seller[o / 2])[r];
            AT(m->p_contract, o)[r] = ratio(AT(taken, o)[r], AT(service, m->seller[o / 2])[r], 0.0);
        }
    for (int h = 0; h < m->H; h++)
        EACH {
            AT(m->d_lease, h)[r] += AT(left, h)[r] * AT(scale, m->host[h])[r];
            AT(m->p_lease, h)[r] = ratio(AT(left, h)[r], AT(service, m->host[h])[r], 0.0);
        }
}

/* what is pledged to every facility at `marks` (E, R), and a firm's assets at them (B, R): model/debt.py */
static void pledged_worth(const struct month *m, const double *marks, double *pledged, double *assets) {
    int G = m->G, R = m->R;
    for (int b = 0; b < m->B; b++) {
        EACH {
            double machines = 0.0;
            for (int g = 0; g < G; g++) {
                int i = b * G + g;
                machines += (AT(m->own_units, i)[r] + AT(m->repo_units, i)[r] + AT(m->official_units, i)[r]) * AT(marks, g)[r];
            }
            double site = m->site_value * sqrt(m->rent[r] / m->reference_rent);
            double own = AT(m->cash, b)[r] + AT(m->own_coins, b)[r] * m->coin[r] / MILLION + AT(m->own_sites, b)[r] * site;
            AT(assets, b)[r] = machines / MILLION + own;
        }
    }
    for (int e = 0; e < m->E; e++) {
        double *p = AT(pledged, e);
        worth(G, R, AT(m->units, e * G), marks, p);
        EACH {
            double site = m->site_value * sqrt(m->rent[r] / m->reference_rent);
            p[r] = p[r] + AT(m->coins, e)[r] * m->coin[r] / MILLION + AT(m->site_mw, e)[r] * site;
            AT(assets, m->borrower[e])[r] += p[r];
        }
    }
}

/* model/debt.py: matures and rolls, conversion and causes left out; room for 6 B + 2 E + 2 L rows */
static void matures(struct month *m, const double *running, const double *assets, double *room) {
    int E = m->E, G = m->G, R = m->R, B = m->B, any = 0;
    double *debt = room, *machines = AT(debt, B), *equity = AT(machines, B), *sites = AT(equity, B), *leases = AT(sites, B);
    double *firm = AT(leases, B), *wall = AT(firm, B), *wide = AT(wall, E), *quota = AT(wide, E), *before = AT(quota, m->L);
    gathered(E, B, R, m->borrower, m->drawn, debt), zeros(machines, (size_t)B * R);
    for (int e = 0; e < E; e++) {
        of_generations(G, R, AT(m->units, e * G), m->mark, 1, wide);
        EACH AT(machines, m->borrower[e])[r] += wide[r];
    }
    for (int b = 0; b < B; b++)
        EACH {
            double held = AT(machines, b)[r];
            for (int g = 0; g < G; g++) {
                int i = b * G + g;
                held += (AT(m->own_units, i)[r] + AT(m->repo_units, i)[r] + AT(m->official_units, i)[r]) * AT(m->mark, g)[r];
            }
            AT(equity, b)[r] = AT(assets, b)[r] + (m->equity_multiple - 1.0) * (held / MILLION) - AT(debt, b)[r] -
                               AT(m->repo_debt, b)[r] - AT(m->official_debt, b)[r];
        }
    zeros(quota, (size_t)m->L * R), zeros(before, (size_t)m->L * R);
    for (int e = 0; e < E; e++) {
        int b = m->borrower[e];
        EACH {
            int ends = running[(size_t)e * R + r] > 0.0 && m->kind[e] == 3 && AT(m->months_left, e)[r] <= 1.0;
            int converts = ends && m->convertible[e] > 0.0 && AT(equity, b)[r] > AT(m->strike, b)[r];
            AT(wall, e)[r] = ends && !converts ? AT(m->drawn, e)[r] : 0.0;
            if (ends) AT(m->principal_due, e)[r] = fmin(AT(wall, e)[r], AT(m->drawn, e)[r]);
            double wanted = AT(wall, e)[r] * (1.0 - m->convertible[e]);
            any |= wanted > 0.0, AT(quota, m->lender[e])[r] += wanted;
        }
    }
    if (any) {
        double rate = m->base_rate + m->funding_spread, *own = malloc((size_t)E * R * sizeof(double));
        pledged_worth(m, m->appraisal, own, firm);
        gathered(E, B, R, m->borrower, m->site_mw, sites), zeros(leases, (size_t)B * R);
        for (int h = 0; h < m->H; h++)
            EACH {
                double again = AT(m->relet_in, h)[r] < 0.0 ? m->relet_price : 0.0, live = AT(m->live, h)[r];
                double runs = annuity(rate, fmax(AT(m->lease_left, h)[r], 0.0));
                double waits = discount(rate, fmax(AT(m->starts_in, h)[r], 0.0));
                AT(leases, m->host[h])[r] += AT(m->lease_rent, h)[r] * (live + (1.0 - live) * again) * runs * waits;
            }
        for (int b = 0; b < B; b++) EACH AT(leases, b)[r] += AT(m->other_income, b)[r] * AT(m->alive, b)[r] * 12.0 / rate;
        for (int e = 0; e < E; e++) {
            int b = m->borrower[e], l = m->lender[e];
            EACH {
                double rents = ratio(AT(m->site_mw, e)[r], AT(sites, b)[r], 0.0) * AT(leases, b)[r];
                double ltv = m->secured[e] > 0.0 ? fmin(ratio(AT(m->drawn, e)[r], AT(own, e)[r] + rents, AMPLE), AMPLE)
                                                 : ratio(AT(debt, b)[r], AT(firm, b)[r], AMPLE);
                int sound = AT(m->lender_alive, l)[r] > 0.0 && AT(m->tight, l)[r] <= 0.0 &&
                            ltv <= fmin(AT(m->ltv_cap, e)[r], m->roll_ltv) && AT(m->coverage, e)[r] >= 1.0;
                double eligible = sound ? AT(wall, e)[r] * (1.0 - m->convertible[e]) : 0.0;
                double left = AT(quota, l)[r] * exp(-m->roll_decay * m->closed[r]) - AT(before, l)[r];
                double rolled = clipped(left, 0.0, eligible);
                AT(before, l)[r] += eligible;
                if (rolled > 0.0) {
                    AT(m->rate, e)[r] = m->contract_rate[e] + m->funding_spread * m->closed[r];
                    AT(m->months_left, e)[r] = m->roll_months;
                    AT(m->principal_due, e)[r] = fmin(AT(wall, e)[r] - rolled, AT(m->drawn, e)[r]);
                    AT(wall, e)[r] -= rolled;
                }
            }
        }
        free(own);
    }
    for (int e = 0; e < E; e++) EACH AT(m->d_facility, e * 7 + 6)[r] += AT(wall, e)[r] * m->convertible[e];
}

/* model/debt.py: calls_or_waives and worth_of_waiting; room for 2 E + B rows and 2 G */
static void calls_or_waives(struct month *m, const double *breach, double *room) {
    int E = m->E, G = m->G, R = m->R;
    double *on = room, *pledged = AT(on, E), *each = AT(pledged, E), *fleet = AT(each, m->B), *price = AT(fleet, G);
    zeros(fleet, (size_t)G * R);
    for (int e = 0; e < E; e++)
        for (int g = 0; g < G; g++) EACH AT(fleet, g)[r] += AT(m->units, e * G + g)[r] * AT(breach, e)[r];
    depth_price(m, fleet, price);
    for (int e = 0; e < E; e++) {
        int l = m->lender[e];
        EACH {
            AT(on, e)[r] = 0.0;
            if (!(AT(breach, e)[r] > 0.0)) continue;
            double now = 0.0, marked = 0.0, site = m->site_value * sqrt(m->rent[r] / m->reference_rent);
            for (int g = 0; g < G; g++) {
                now += AT(m->units, e * G + g)[r] * AT(price, g)[r];
                marked += AT(m->units, e * G + g)[r] * AT(m->appraisal, g)[r];
            }
            double others = AT(m->coins, e)[r] * m->coin[r] / MILLION + AT(m->site_mw, e)[r] * site;
            double debt = AT(m->drawn, e)[r], left = fmax(AT(m->months_left, e)[r], 1.0), rate = AT(m->rate, e)[r];
            double sell = fmin((now / MILLION + others) * (1.0 - m->liquidation_cost), debt);
            double stream = fmax(AT(m->income, e)[r], 0.0) * annuity(rate, left);
            double faded = exp(-m->belief * left / 12.0) * discount(rate, left);
            double wait = fmin(stream + (marked / MILLION + others) * faded, debt), hurry = AT(m->tight, l)[r];
            if (sell > wait || hurry > 0.0) {
                double more = debt - AT(m->principal_due, e)[r];
                AT(m->d_facility, e * 7 + 2)[r] += more * hurry, AT(on, e)[r] = more * (1.0 - hurry);
                AT(m->principal_due, e)[r] = debt;
            } else {
                double fee = m->waiver_fee * debt;
                AT(on, e)[r] = fee, AT(m->fee_due, e)[r] += fee, AT(m->waiver_left, e)[r] = m->waiver_months;
            }
        }
    }
    on_coverage(m, on, each);
}

/* model/debt.py: sweeps and tests_covenants; room for 4 E + 3 B rows and 2 G */
static void tests_covenants(struct month *m, const double *running, double *room) {
    int E = m->E, R = m->R, B = m->B, any = 0;
    double *amount = room, *breach = AT(amount, E), *each = AT(breach, E), *due = AT(each, B), *asked = AT(due, B), *rest = AT(asked, B);
    for (int e = 0; e < E; e++)
        EACH {
            double waiver = fmax(AT(m->waiver_left, e)[r] - 1.0, 0.0), go = AT(running, e)[r];
            double spare = fmax(AT(m->income, e)[r] - AT(m->service, e)[r], 0.0) * (waiver > 0.0 ? go : 0.0);
            double trapped = clipped(spare, 0.0, AT(m->drawn, e)[r] - AT(m->principal_due, e)[r]);
            double least = fmax(m->dscr_min[e], m->dscr_floor * m->earns[e]), cover = AT(m->coverage, e)[r];
            AT(m->waiver_left, e)[r] = waiver, AT(m->principal_due, e)[r] += trapped, AT(amount, e)[r] = trapped;
            AT(breach, e)[r] = least > 0.0 && cover < least && waiver <= 0.0 ? go : 0.0;
            any |= AT(breach, e)[r] > 0.0;
        }
    on_coverage(m, amount, each);
    if (!any) return;
    zeros(due, (size_t)B * R), zeros(asked, (size_t)B * R);
    for (int e = 0; e < E; e++) {
        int b = m->borrower[e];
        EACH {
            double least = fmax(m->dscr_min[e], m->dscr_floor * m->earns[e]);
            double short_by = clipped(1.0 - ratio(AT(m->coverage, e)[r], least, 0.0), 0.0, 1.0);
            AT(amount, e)[r] = AT(m->drawn, e)[r] * short_by * AT(breach, e)[r];
            AT(due, b)[r] += AT(m->interest_due, e)[r] + AT(m->principal_due, e)[r] + AT(m->fee_due, e)[r];
            AT(asked, b)[r] += AT(amount, e)[r];
        }
    }
    for (int b = 0; b < B; b++)
        EACH AT(due, b)[r] += AT(m->repo_due, b)[r] + AT(m->repo_interest, b)[r] + AT(m->arrears, b)[r] + AT(m->site_arrears, b)[r];
    for (int h = 0; h < m->H; h++) EACH AT(due, m->tenant[h])[r] += AT(m->lease_owed, h)[r];
    for (int e = 0; e < E; e++) {
        int b = m->borrower[e];
        EACH {
            double part = AT(amount, e)[r], spare = fmax(AT(m->cash, b)[r] - AT(due, b)[r], 0.0) * ratio(part, AT(asked, b)[r], 0.0);
            double cured = part <= m->cure_share * spare ? AT(breach, e)[r] : 0.0, owed = AT(m->principal_due, e)[r];
            AT(amount, e)[r] = fmin(part * cured, AT(m->drawn, e)[r] - owed);
            AT(m->principal_due, e)[r] = fmin(owed + part * cured, AT(m->drawn, e)[r]);
            AT(breach, e)[r] *= 1.0 - cured;
        }
    }
    on_coverage(m, amount, each);
    calls_or_waives(m, breach, rest);
}

/* model/debt.py: falls_due, no standstill */
void falls_due(struct month *m) {
    int E = m->E, R = m->R, B = m->B;
    size_t rows = 8 * E + 10 * B + 2 * m->G + 2 * m->L + 2 * m->O + m->H + 8;
    double *running = malloc(rows * R * sizeof(double)), *interest = AT(running, E), *pledged = AT(interest, B);
    double *assets = AT(pledged, E), *room = AT(assets, B);
    double numbers[] = {m->utilisation_cap, HOURS, MILLION, m->running_cost};
    double *loose = malloc((size_t)B * m->G * R * sizeof(double));
    for (size_t i = 0; i < (size_t)B * m->G * R; i++) loose[i] = m->repo_units[i] + m->official_units[i];
    pledged_income(E, m->G, R, m->O, m->P, m->H, B, numbers, m->units, m->h100e, m->power, m->earning, m->own_units, loose, m->seller,
                   m->pledge_facility, m->pledge_contract, m->unnamed, m->delivered, m->revenue, m->borrower, m->site_mw, m->host,
                   m->lease_earned, m->other_income, m->alive, m->income);
    free(loose), zeros(interest, (size_t)B * R);
    for (int e = 0; e < E; e++)
        EACH {
            double debt = AT(m->drawn, e)[r], cost = debt * AT(m->rate, e)[r] / 12.0, left = fmax(AT(m->months_left, e)[r], 1.0);
            double go = debt > 0.0 ? AT(m->alive, m->borrower[e])[r] : 0.0, due = 0.0;
            if (m->kind[e] == 0) due = ratio(debt, annuity(AT(m->rate, e)[r], left), 0.0) - cost;
            if (m->kind[e] == 1) due = debt / left;
            if (m->kind[e] == 2) due = left <= 1.0 ? debt : AT(m->income, e)[r] - cost;
            due = clipped(due, 0.0, debt) * go;
            AT(running, e)[r] = go, AT(m->interest_due, e)[r] = cost * go, AT(m->principal_due, e)[r] = due;
            AT(m->service, e)[r] = cost * go + (m->kind[e] == 2 ? 0.0 : due), AT(m->fee_due, e)[r] = 0.0;
            AT(interest, m->borrower[e])[r] += cost * 12.0;
            if (m->kind[e] == 2 && AT(m->months_left, e)[r] <= 1.0)
                AT(m->d_facility, e * 7 + 6)[r] += fmax(due - fmax(AT(m->income, e)[r] - cost * go, 0.0), 0.0);
        }
    for (int e = 0; e < E; e++)
        EACH {
            int b = m->borrower[e], itself = m->earns[e] > 0.0;
            double of = itself ? AT(m->income, e)[r] : AT(m->firm_income, b)[r];
            double on = itself ? AT(m->service, e)[r] : AT(interest, b)[r] / 12.0;
            AT(m->coverage, e)[r] = on > 0.0 ? fmin(of / on, AMPLE) : AMPLE;
        }
    repo_falls_due(m), operating_gap(m, room), pledged_worth(m, m->mark, pledged, assets);
    matures(m, running, assets, room), tests_covenants(m, running, room);
    free(running);
}

static double *checked(double *out, int R, const double *gap, const double *scale, int rows) {
    for (int i = 0; i < rows; i++) EACH out[r] = fmax(out[r], fabs(AT(gap, i)[r]) / fmax(scale ? AT(scale, i)[r] : 1.0, 1.0));
    return out + R;
}

/* the change of a total against its flow: model/books.py */
static double *moved(double *out, int R, const double *now, const double *open, const double *flow, const double *size, int rows) {
    for (int i = 0; i < rows; i++)
        EACH {
            double gap = AT(now, i)[r] - AT(open, i)[r] - AT(flow, i)[r], scale = AT(open, i)[r] + AT(size, i)[r];
            out[r] = fmax(out[r], fabs(gap) / fmax(scale, 1.0));
        }
    return out + R;
}

static double *overdrawn(double *out, int R, const double *held, int rows, int relative) {
    double most = 0.0;
    for (size_t i = 0; i < (size_t)rows * R && relative; i++) most = fmax(most, fabs(held[i]));
    for (int i = 0; i < rows; i++) EACH out[r] = fmax(out[r], fabs(fmin(AT(held, i)[r], 0.0)) / (most + 1.0));
    return out + R;
}

static void added(double *out, int rows, size_t width, const double *value) {
    for (int i = 0; i < rows; i++)
        for (size_t k = 0; k < width; k++) out[k] += value[i * width + k];
}

/* model/ledger.py and model/books.py: checks, as the largest gap of every account over its scale: (accounts, R) */
void checks(struct month *m) {
    int E = m->E, G = m->G, R = m->R, B = m->B, S = m->sectors, size[4] = {B, B, m->L, m->N};
    size_t wide = (size_t)G * R;
    double *room = malloc((6 + 2 * G) * R * sizeof(double)), *all = room, *a = AT(all, 1), *b = AT(a, 1), *units = AT(b, 4);
    double *out = zeros(m->gaps, (size_t)(m->rows + 29) * R);
    zeros(all, R);
    for (int i = 0; i < m->rows; i++) {
        zeros(a, R), added(a, S, R, AT(m->matrix, i * S)), added(all, 1, R, AT(m->turnover, i));
        out = checked(out, R, a, AT(m->turnover, i), 1);
    }
    for (int k = 0; k < 4; k++) {
        zeros(a, R), zeros(b, R);
        for (int n = 0; n < size[k]; n++)
            EACH {
                double cash = AT(m->stock[k], n)[r], open = AT(m->open[k], n)[r], flow = AT(m->flow[k], n)[r];
                double scale = fabs(open) + fabs(cash) + fabs(flow);
                out[r] = fmax(out[r], fabs(cash - open - flow) / fmax(scale, 1.0)), a[r] += flow;
            }
        for (int i = 0; i < m->rows; i++)
            EACH {
                int s = k == 0 ? 0 : k == 1 ? 4 : k;
                b[r] += AT(m->matrix, i * S + s)[r] + (k == 0 ? AT(m->matrix, i * S + 1)[r] : 0.0);
            }
        EACH a[r] -= b[r];
        out = checked(out + R, R, a, all, 1);
    }
    out = moved(out, R, m->drawn, m->debt_open, m->debt_flow, m->drawn, E);
    EACH {
        b[r] = -(AT(m->matrix, m->row_draws * S + 2)[r] + AT(m->matrix, m->row_issued * S + 2)[r]);
        a[r] = m->debt_rows[r] + AT(m->debt_rows, 1)[r] - b[r], b[r] = fabs(b[r]);
    }
    out = checked(out, R, a, b, 1);
    zeros(units, wide), added(units, B, wide, m->own_units), added(units, B, wide, m->repo_units), added(units, B, wide, m->official_units);
    added(units, E, wide, m->units), added(units, m->L, wide, m->seized), added(units, m->N, wide, m->bidder_units);
    added(units, 1, wide, m->public_units);
    out = moved(out, R, units, m->units_open, m->units_flow, units, G);
    zeros(a, R), added(a, B, R, m->own_coins), added(a, E, R, m->coins);
    out = moved(out, R, a, m->coins_open, m->coins_flow, a, 1);
    zeros(a, R), added(a, m->L, R, m->stable), added(a, m->L, R, m->short_funding), added(a, m->L, R, m->funding_due);
    EACH b[r] = -(AT(m->matrix, m->row_in * S + m->capital)[r] + AT(m->matrix, m->row_out * S + m->capital)[r]), AT(b, 1)[r] = fabs(b[r]);
    out = moved(out, R, a, m->funding_open, b, AT(b, 1), 1);
    zeros(a, R), added(a, m->W, R, m->lines_drawn);
    EACH b[r] = fabs(m->warehouse_flow[r]);
    out = moved(out, R, a, m->warehouse_open, m->warehouse_flow, b, 1);
    zeros(a, R), added(a, B, R, m->repo_debt), added(a, B, R, m->official_debt), added(a, m->N, R, m->bidder_repo);
    EACH b[r] = fabs(m->repo_flow[r]);
    out = moved(out, R, a, m->repo_open, m->repo_flow, b, 1);
    for (int k = 0; k < 4; k++) out = overdrawn(out, R, m->stock[k], size[k], 0);
    out = overdrawn(out, R, m->own_units, B * G, 1), out = overdrawn(out, R, m->repo_units, B * G, 1);
    out = overdrawn(out, R, m->official_units, B * G, 1), out = overdrawn(out, R, m->units, E * G, 1);
    out = overdrawn(out, R, m->seized, m->L * G, 1), out = overdrawn(out, R, m->bidder_units, m->N * G, 1);
    out = overdrawn(out, R, m->public_units, G, 1), out = overdrawn(out, R, m->own_coins, B, 1);
    out = overdrawn(out, R, m->coins, E, 1), out = overdrawn(out, R, m->drawn, E, 1);
    free(room);
}

/* model/metrics.py: loan_to_value_figures, at book, at mark and if all were sold now: ltv (3, R) */
void loan_to_value(struct month *m) {
    int E = m->E, G = m->G, R = m->R;
    double *room = calloc((size_t)(2 * G + 5) * R, sizeof(double)), *fleet = room, *price = AT(fleet, G), *debt = AT(price, G);
    double *value = AT(debt, 1);
    for (int e = 0; e < E; e++) {
        int b = m->borrower[e];
        if (!(m->machine_loan[e] > 0.0)) continue;
        EACH debt[r] += AT(m->drawn, e)[r] * AT(m->alive, b)[r];
        for (int g = 0; g < G; g++)
            EACH {
                double held = AT(m->units, e * G + g)[r] * AT(m->alive, b)[r];
                AT(fleet, g)[r] += held, value[r] += held * AT(m->book, b * G + g)[r];
            }
    }
    depth_price(m, fleet, price);
    of_generations(G, R, fleet, m->mark, 1, AT(value, 1)), of_generations(G, R, fleet, price, 1, AT(value, 2));
    for (int k = 0; k < 3; k++) EACH AT(m->ltv, k)[r] = debt[r] > 0.0 ? ratio(debt[r], AT(value, k)[r] / MILLION, INFINITY) : 0.0;
    free(room);
}
