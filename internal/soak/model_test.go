package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

const (
	issuer          = "https://issuer.example"
	tokensOfSource  = 50 // in each generation
	generationsBack = 4  // as far as anybody may look
)

// log is a source that grows, and at the same time the truth about its tokens: whether each of them
// is revoked after every row that names it. Now and then it shows rows again that were read before.
type log struct {
	name  string
	clock *clock

	mu      sync.RWMutex
	rows    []row
	changes map[int][]change // by token; those of generations that are gone are forgotten
}

// row is what a row of the source says of a token: an hour has half a million of them.
type row struct {
	token  int32
	gone   bool
	before int64 // crl.Always: outright
	moment int64 // later than those of the rows before
}

// change is what a token's entry is from a row on.
type change struct {
	rows   int // how many rows there are up to it
	before int64
	there  bool
}

func (l *log) String() string { return l.name }

func (l *log) Watch(context.Context, func(), func(string)) {}

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
	if rand.N(4) == 0 {
		from = max(0, from-rand.N(1000))
	}
	for i := from; i < len(rows); i++ {
		token := int(rows[i].token)
		name, value := l.claim(token)
		_, exp := l.life(token)
		row := source.Row{
			Names: []string{name}, Values: []string{value}, Before: source.None, Exp: exp, Moment: rows[i].moment, Reinstate: rows[i].gone,
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

// life is when a token is issued and when it ends: all of a generation together.
func (l *log) life(token int) (iat, exp int64) {
	issued := l.clock.began.Add(time.Duration(token/tokensOfSource-1) * generation)
	return issued.Unix(), issued.Add(tokenLife).Unix()
}

// newest is the generation that was issued last.
func (l *log) newest() int { return int(l.clock.now().Sub(l.clock.began)/generation) + 1 }

// alive is a random token that has not ended.
func (l *log) alive(r *rand.Rand) int {
	return (l.newest()-r.IntN(int(tokenLife/generation)))*tokensOfSource + r.IntN(tokensOfSource)
}

// append adds a random row: outright, before a moment that is before or after the
// token's iat, or a reinstatement.
func (l *log) append(r *rand.Rand) {
	token := l.alive(r)
	issued, _ := l.life(token)
	row := row{token: int32(token), before: crl.Always, moment: l.clock.now().UnixMilli()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.rows); n > 0 {
		row.moment = max(row.moment, l.rows[n-1].moment+1)
	}
	var now change
	if all := l.changes[token]; len(all) > 0 {
		now = all[len(all)-1]
	} else {
		l.forget()
	}
	switch r.IntN(4) {
	case 0:
		row.gone = true
	case 1:
		row.before = issued - 100 + r.Int64N(200)
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

// forget drops what nobody asks for any more.
func (l *log) forget() {
	oldest := (l.newest() - generationsBack) * tokensOfSource
	maps.DeleteFunc(l.changes, func(token int, _ []change) bool { return token < oldest })
}

// revokes reports whether a token is revoked after so many rows.
func (l *log) revokes(token, rows int) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := l.changes[token]
	i := sort.Search(len(all), func(i int) bool { return all[i].rows > rows })
	issued, _ := l.life(token)
	return i > 0 && all[i-1].there && issued < all[i-1].before
}

func (l *log) token(token int) client.Token {
	name, value := l.claim(token)
	iat, exp := l.life(token)
	return client.Token{Claims: map[string]any{"iss": issuer, name: value, "iat": iat, "exp": exp}}
}

// model knows what every version says: the ledger records how far each source was read. It must be
// asked before garbage collection deletes the records.
type model struct {
	direct store.Store // without faults
	keys   *signer.KeySet
	logs   []*log

	mu       sync.Mutex
	versions []*said // from version 1 on
}

// said is what matters of a version.
type said struct {
	rows    [publishers]int // of each log
	expires time.Time
}

// version is what a version says.
func (m *model) version(ctx context.Context, version uint64) (*said, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uint64(len(m.versions)) < version {
		if err := m.hear(ctx, uint64(len(m.versions))+1); err != nil {
			return nil, err
		}
	}
	return m.versions[version-1], nil
}

// hear reads what a version says more than the one before.
func (m *model) hear(ctx context.Context, version uint64) error {
	v, err := history.Read(ctx, m.direct, m.keys, version)
	if err != nil {
		return err
	}
	next := &said{expires: time.Unix(v.Expires, 0)}
	if version > 1 {
		next.rows = m.versions[version-2].rows
	}
	if v.Ledger.To == version {
		if err := m.recorded(ctx, v.Ledger, next); err != nil {
			return err
		}
	}
	m.versions = append(m.versions, next)
	return nil
}

// recorded reads how far a version read its source.
func (m *model) recorded(ctx context.Context, of *signer.Ledger, next *said) error {
	d, err := (&ledger.Objects{Bucket: m.direct}).Delta(ctx, signer.Object{
		From: of.From, To: of.To, Size: of.Size, RawSize: of.Raw, SHA256: of.SHA256,
	})
	if err != nil {
		return err
	}
	for i, l := range m.logs {
		if s, ok := d.Sources[l.name]; ok {
			if next.rows[i], err = strconv.Atoi(string(s.Cursor)); err != nil {
				return err
			}
		}
	}
	return nil
}
