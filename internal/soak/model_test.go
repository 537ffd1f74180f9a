package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"sync"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

const (
	issuer         = "https://issuer.example"
	tokensOfSource = 500
)

// log is a source that grows, and at the same time the truth about its tokens: what
// each of them is after every row that names it.
type log struct {
	name   string
	issued int64 // of all tokens

	mu      sync.RWMutex
	rows    []row
	changes [tokensOfSource][]change
}

// row is what a row of the source says of a token: an hour has half a million of them.
type row struct {
	token  int32
	gone   bool
	before int64 // crl.Always: outright
}

// change is what a token's entry is from a row on.
type change struct {
	rows   int // how many rows there are up to it
	before int64
	there  bool
}

func (l *log) Name() string { return l.name }

func (l *log) Read(_ context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	from := 0
	if since != nil {
		if err := json.Unmarshal(since, &from); err != nil {
			return source.Result{}, err
		}
	}
	l.mu.RLock()
	rows := l.rows
	l.mu.RUnlock()
	for i := from; i < len(rows); i++ {
		name, value := l.claim(int(rows[i].token))
		row := source.Row{
			Names: []string{name}, Values: []string{value}, Before: source.None, Exp: l.issued + 86400, RevokedAt: source.None, Reinstate: rows[i].gone,
		}
		if rows[i].before != crl.Always {
			row.Before = rows[i].before
		}
		if err := visit(&row); err != nil {
			return source.Result{}, err
		}
	}
	return source.Result{Cursor: source.Cursor(strconv.Itoa(len(rows))), Rows: int64(len(rows) - from), Full: from == 0}, nil
}

// claim is what a token is revoked by: three rules take turns.
func (l *log) claim(token int) (name, value string) {
	return [...]string{"jti", "sid", "sub"}[token%3], fmt.Sprint(l.name, " ", token)
}

// append adds a random row: outright, before a moment that is before or after the
// tokens' iat, or a reinstatement.
func (l *log) append(r *rand.Rand) {
	token := r.IntN(tokensOfSource)
	row := row{token: int32(token), before: crl.Always}
	l.mu.Lock()
	defer l.mu.Unlock()
	var now change
	if all := l.changes[token]; len(all) > 0 {
		now = all[len(all)-1]
	}
	switch r.IntN(4) {
	case 0:
		row.gone = true
	case 1:
		row.before = l.issued - 100 + r.Int64N(200)
	}
	switch {
	case row.gone:
		now = change{}
	case !now.there:
		now = change{before: row.before, there: true}
	default:
		now.before = max(now.before, row.before)
	}
	l.rows = append(l.rows, row)
	now.rows = len(l.rows)
	l.changes[token] = append(l.changes[token], now)
}

// revokes tells whether a token is revoked after so many rows.
func (l *log) revokes(token, rows int) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := l.changes[token]
	i := sort.Search(len(all), func(i int) bool { return all[i].rows > rows })
	return i > 0 && all[i-1].there && l.issued < all[i-1].before
}

func (l *log) token(token int) client.Token {
	name, value := l.claim(token)
	return client.Token{Claims: map[string]any{"iss": issuer, name: value, "iat": l.issued, "exp": l.issued + 80000}}
}

// model knows what every version says: the manifest tells how far each source was read.
type model struct {
	direct store.Store // without faults
	keys   *signer.KeySet
	logs   []*log

	mu      sync.Mutex
	cursors map[uint64]*[publishers]int
}

// rows is how many of a log's rows are in a version.
func (m *model) rows(ctx context.Context, version uint64, l *log) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.Index(m.logs, l)
	if all := m.cursors[version]; all != nil {
		return all[at], nil
	}
	v, err := history.Read(ctx, m.direct, m.keys, version)
	if err != nil {
		return 0, err
	}
	all := new([publishers]int)
	for i, l := range m.logs {
		if cursor, ok := v.Sources[l.name]; ok {
			if all[i], err = strconv.Atoi(string(cursor)); err != nil {
				return 0, err
			}
		}
	}
	m.cursors[version] = all
	return all[at], nil
}
