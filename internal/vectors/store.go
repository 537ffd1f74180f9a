package vectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// version is one version of the whole store.
type version struct {
	Version  uint64              `json:"version"`
	Manifest string              `json:"manifest"` // digest, as the next one's prev
	List     string              `json:"list"`     // its entries, as a snapshot
	CatchUp  map[string][]string `json:"catch_up"` // the cheapest way from each version held before, 0 for none
}

// verdict is the answer about one token.
type verdict struct {
	Version uint64         `json:"version"` // of the list held
	Now     int64          `json:"now"`
	MaxAge  int64          `json:"max_age,omitempty"` // seconds
	Header  map[string]any `json:"header"`
	Claims  map[string]any `json:"claims"`
	Verdict string         `json:"verdict"` // ok, revoked, stale, not-covered, refused (a claim that cannot be checked)
	Rules   []string       `json:"rules,omitempty"`
}

// publications are the rows of each version; the last one has none.
var publications = []string{
	`{"jti":"stolen","exp":1800003600}
{"sid":"session","exp":1800007200}
{"sub":"alice","before":1799999999.5}
{"client_id":"app","sub":"bob","before":1800000000}
{"kid":"leaked"}
{"tenant":42,"exp":1800007200}
`,
	`{"jti":"late","exp":1800007200}
{"sid":"session","reinstate":true}
`,
	`{"sub":"alice"}
`,
	`{"before":1799990000}
`,
	``,
}

// wholeStore publishes a list as the product does, with a clock and a source of
// random numbers that stand still.
func (s *set) wholeStore() error {
	dir, err := os.MkdirTemp("", "vectors")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bucket, err := store.OpenDir(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	ctx, key := context.Background(), s.keys[signer.EdDSA]
	var versions []version
	var ledgers []remembered
	var verdicts []verdict
	rows := ""
	for i, more := range publications {
		rows += more
		path := filepath.Join(dir, "rows.jsonl")
		if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
			return err
		}
		src, err := file.Open(path, file.Options{})
		if err != nil {
			return err
		}
		now := time.Unix(moment+int64(i)*60, 0)
		if _, err := publish.Run(ctx, publish.Config{
			Store: bucket, Key: key, Source: src, SourceName: "rows.jsonl", Create: true, Issuer: "https://issuer.example", MaxTokenLife: 24 * time.Hour,
			ValidFor: time.Hour, Now: func() time.Time { return now }, Rand: bytes.NewReader(vectorSalt[:]), SnapshotEvery: 3,
		}); err != nil {
			return err
		}
		v, err := s.version(ctx, bucket, uint64(i+1))
		if err != nil {
			return err
		}
		versions = append(versions, v)
		memory, err := s.ledgerOf(ctx, bucket, uint64(i+1))
		if err != nil {
			return err
		}
		ledgers = append(ledgers, memory)
		answers, err := s.verdicts(ctx, bucket, now)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, answers...)
	}
	root := bucket.String()
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s.files["store/"+filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	}); err != nil {
		return err
	}
	if err := s.json("ledger.json", ledgers); err != nil {
		return err
	}
	if err := s.json("verdicts.json", verdicts); err != nil {
		return err
	}
	return s.json("store.json", versions)
}

func (s *set) version(ctx context.Context, bucket store.Store, number uint64) (version, error) {
	v, err := history.Read(ctx, bucket, s.all, number)
	if err != nil {
		return version{}, err
	}
	state, err := audit.StateAt(ctx, bucket, v)
	if err != nil {
		return version{}, err
	}
	out := version{Version: number, Manifest: v.Digest(), List: s.list(fmt.Sprintf("store-%d", number), state.List.Snapshot()), CatchUp: map[string][]string{}}
	for have := range number {
		from := uint64(0)
		if have > 0 {
			held, err := history.Read(ctx, bucket, s.all, have)
			if err != nil {
				return out, err
			}
			from = held.State.Changed
		}
		plan, err := history.Plan(v.Manifest, from)
		if err != nil {
			return out, err
		}
		names := []string{}
		for _, o := range plan {
			names = append(names, o.Name())
		}
		out.CatchUp[fmt.Sprint(have)] = names
	}
	return out, nil
}

// questions are claims, with the header's kid before them, - for none; iat and exp are good
// ones if they are not there. A null takes a claim away.
var questions = []string{
	`k {"jti":"good"}`, `k {"jti":"stolen"}`, `k {"jti":"late"}`, `k {"sid":"session"}`, `k {"sid":"stolen"}`,
	`k {"sub":"alice","iat":1799999999}`, `k {"sub":"alice","iat":1800000000}`, `k {"sub":"alice","iat":null}`, `k {"sub":"alice","iat":1799999999.9}`,
	`k {"sub":"bob","iat":1799999990}`, `k {"sub":"bob","client_id":"app","iat":1799999990}`, `leaked {}`, `leaked {"jti":"stolen","tenant":42}`,
	`- {"jti":"good"}`, `- {"jti":"stolen"}`, ` {"jti":"good"}`,
	`k {"tenant":"42"}`, `k {"tenant":42.0}`, `k {"tenant":4.2e1}`, `k {"tenant":42.5}`, `k {"tenant":[42]}`, `k {"tenant":null}`, `k {"jti":"stolen","tenant":[42]}`,
	`k {"iss":"https://other.example","jti":"stolen"}`, `k {"iss":null}`, `k {"exp":null}`, `k {"iat":1799990000,"exp":1800076400}`, `k {"iat":1799990000,"exp":1800076401}`,
	`k {"iat":"1799990000"}`, `k {"exp":"1800003600"}`, `k {"iat":1799989999}`,
	`k {"iat":1800000541}`, `k {"iat":1800000542}`, `leaked {"iat":1800000542}`, // 5 minutes after the last publication, and more
}

func (s *set) verdicts(ctx context.Context, bucket store.Store, issued time.Time) ([]verdict, error) {
	var all []verdict
	for _, ask := range []struct{ after, maxAge time.Duration }{{time.Second, 0}, {time.Hour, 0}, {time.Hour, 2 * time.Hour}, {-time.Hour, 0}} {
		now := issued.Add(ask.after)
		c, err := client.Open(ctx, client.Config{Store: bucket, Keys: s.all, MaxAge: ask.maxAge, Now: func() time.Time { return now }})
		if err != nil {
			return nil, err
		}
		list := questions
		if ask.after != time.Second {
			list = questions[:2]
		}
		for _, q := range list {
			kid, text, _ := strings.Cut(q, " ")
			claims, err := client.DecodeClaims([]byte(text))
			if err != nil {
				return nil, err
			}
			for name, value := range map[string]any{"iss": "https://issuer.example", "iat": json.Number("1800000000"), "exp": json.Number("1800003600")} {
				if given, ok := claims[name]; !ok {
					claims[name] = value
				} else if given == nil {
					delete(claims, name)
				}
			}
			header := map[string]any{"alg": "ES256", "kid": kid}
			if kid == "-" {
				delete(header, "kid")
			}
			v := verdict{Version: c.Status().Version, Now: now.Unix(), MaxAge: int64(ask.maxAge / time.Second), Header: header, Claims: claims}
			v.judge(c.Check(client.Token{Claims: claims, Header: v.Header}))
			all = append(all, v)
		}
	}
	return all, nil
}

func (v *verdict) judge(err error) {
	var revoked *client.RevokedError
	var stale *client.StaleError
	var notCovered *client.NotCoveredError
	switch {
	case err == nil:
		v.Verdict = "ok"
	case errors.As(err, &revoked):
		v.Verdict, v.Rules = "revoked", revoked.Rules
	case errors.As(err, &stale):
		v.Verdict = "stale"
	case errors.As(err, &notCovered):
		v.Verdict = "not-covered"
	default:
		v.Verdict = "refused"
	}
}
