package client_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/publish"
)

// rows of every kind of revocation; the clock of the tests stands at
// 2027-01-15T08:00:00Z.
const everyKind = `{"jti":"stolen","exp":"2027-01-16T00:00:00Z"}
{"sid":"session","exp":"2027-01-16T00:00:00Z"}
{"sub":"alice","before":"2027-01-15T07:59:00.2Z"}
{"client_id":"app","before":"2027-01-15T08:00:00Z"}
{"client_id":"mail","sub":"bob","before":"2027-01-15T08:00:00Z"}
{"tenant":42,"exp":"2027-01-16T00:00:00Z"}
{"kid":"leaked"}
{"jti":"back","exp":"2027-01-16T00:00:00Z"}
{"jti":"back","reinstate":true}
`

func TestVerdicts(t *testing.T) {
	l := newList(t)
	l.publish(everyKind)
	c := l.open()
	now := l.clock.Load()
	for name, test := range map[string]struct {
		claims map[string]any
		kid    string
		want   string // the rules, or a part of the error
	}{
		"good":                          {map[string]any{"jti": "good", "sid": "other", "sub": "carol"}, "k1", ""},
		"jti":                           {map[string]any{"jti": "stolen"}, "k1", "jti"},
		"sid":                           {map[string]any{"sid": "session"}, "k1", "sid"},
		"value under another claim":     {map[string]any{"sid": "stolen", "jti": "session"}, "k1", ""},
		"issued before the moment":      {map[string]any{"sub": "alice", "iat": now - 61}, "k1", "sub"},
		"in the second of the moment":   {map[string]any{"sub": "alice", "iat": now - 60}, "k1", "sub"},
		"in it, with a fraction":        {map[string]any{"sub": "alice", "iat": float64(now) - 59.5}, "k1", "sub"},
		"after the moment":              {map[string]any{"sub": "alice", "iat": now - 59}, "k1", ""},
		"without iat":                   {map[string]any{"sub": "alice", "iat": nil}, "k1", "sub"},
		"half of a rule of two":         {map[string]any{"sub": "bob"}, "k1", ""},
		"both of a rule of two":         {map[string]any{"sub": "bob", "client_id": "mail"}, "k1", "client_id+sub"},
		"several rules":                 {map[string]any{"jti": "stolen", "sid": "session", "client_id": "app", "sub": "alice"}, "leaked", "client_id,jti,kid,sid,sub"},
		"integer":                       {map[string]any{"tenant": 42}, "k1", "tenant"},
		"integer as JSON":               {map[string]any{"tenant": json.Number("42")}, "k1", "tenant"},
		"integer as text":               {map[string]any{"tenant": "42"}, "k1", "tenant"},
		"kid":                           {nil, "leaked", "kid"},
		"kid as a claim is not the kid": {map[string]any{"kid": "leaked"}, "k1", ""},
		"an empty kid":                  {nil, "", "!claim"},
		"revoked beats an empty kid":    {map[string]any{"jti": "stolen"}, "", "jti"},
		"reinstated":                    {map[string]any{"jti": "back"}, "k1", ""},
		"claim of another type":         {map[string]any{"jti": []any{"stolen"}}, "k1", "!claim"},
		"claim is a boolean":            {map[string]any{"tenant": true}, "k1", "!claim"},
		"claim is a fraction":           {map[string]any{"tenant": 42.5}, "k1", "!claim"},
		"claim is null":                 {map[string]any{"tenant": any(json.RawMessage(nil))}, "k1", "!claim"},
		"claim is far too long":         {map[string]any{"jti": strings.Repeat("x", 1<<20)}, "k1", "!claim"},
		"type of a claim without rule":  {map[string]any{"roles": []any{"a"}}, "k1", ""},
		"revoked beats a bad claim":     {map[string]any{"jti": "stolen", "sid": 1.5}, "k1", "jti"},
		"iat is no number":              {map[string]any{"iat": "yesterday"}, "k1", "!claim"},
		"iat is not a time":             {map[string]any{"iat": math.NaN()}, "k1", "!claim"},
		"exp is no number":              {map[string]any{"exp": "tomorrow"}, "k1", "!claim"},
		"another issuer":                {map[string]any{"iss": "https://other.example", "jti": "stolen"}, "k1", "!not covered"},
		"no issuer":                     {map[string]any{"iss": nil}, "k1", "!not covered"},
		"no exp":                        {map[string]any{"exp": nil}, "k1", "!not covered"},
		"lives a second too long":       {map[string]any{"iat": now - 60, "exp": now - 60 + 86401}, "k1", "!not covered"},
		"lives as long as can be":       {map[string]any{"iat": now - 60, "exp": now - 60 + 86400}, "k1", ""},
		"issued in the future":          {map[string]any{"iat": now + 301}, "k1", "!not covered"},
		"as far ahead as clocks may be": {map[string]any{"iat": now + 300}, "k1", ""},
		"revoked, and of the future":    {map[string]any{"jti": "stolen", "iat": now + 1e6, "exp": now + 1e6 + 60}, "k1", "jti"},
		"no iat, too long from now":     {map[string]any{"iat": nil, "exp": now + 86401}, "k1", "!not covered"},
		"no iat, not too long from now": {map[string]any{"iat": nil, "exp": now + 86400}, "k1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			token := l.token(test.claims)
			token.Header["kid"] = test.kid
			err := c.Check(token)
			switch test.want {
			case "":
				require.NoError(t, err)
			case "!claim":
				var claim *client.ClaimError
				require.ErrorAs(t, err, &claim)
			case "!not covered":
				var notCovered *client.NotCoveredError
				require.ErrorAs(t, err, &notCovered)
			default:
				var revoked *client.RevokedError
				require.ErrorAs(t, err, &revoked)
				require.Equal(t, test.want, strings.Join(revoked.Rules, ","))
				require.Len(t, revoked.Before, len(revoked.Rules))
				require.EqualValues(t, 1, revoked.Version)
				require.True(t, revoked.AsOf.Equal(l.now()))
			}
		})
	}
}

// Whoever has a leaked key can leave its name out.
func TestATokenThatDoesNotSayWhichKeySignedIt(t *testing.T) {
	l := newList(t)
	l.publish("")
	c := l.open()
	headers := map[string]map[string]any{
		"nil": nil, "empty": {}, "without kid": {"alg": "ES256"}, "kid is null": {"kid": nil}, "kid is empty": {"kid": ""},
	}
	ask := func(header map[string]any) error {
		token := l.token(nil)
		token.Header = header
		return c.Check(token)
	}
	for name, header := range headers {
		require.NoError(t, ask(header), name+", and no kid is revoked")
	}
	l.publish(`{"kid":"leaked"}` + "\n")
	require.NoError(t, c.Refresh(t.Context()))
	for name, header := range headers {
		var claim *client.ClaimError
		require.ErrorAs(t, ask(header), &claim, name)
		require.Equal(t, "kid", claim.Claim)
	}
	require.NoError(t, ask(map[string]any{"kid": "good"}))
	l.sleep(time.Second) // a reinstatement of the same moment would release nothing
	l.publish(`{"kid":"leaked","reinstate":true}` + "\n")
	require.NoError(t, c.Refresh(t.Context()))
	for name, header := range headers {
		require.NoError(t, ask(header), name+", and it is revoked no more")
	}
}

// A float64 makes 2^53 of 2^53+1, so from there on it may stand for another integer than
// the one that is revoked.
func TestIntegersThatAFloatCannotHold(t *testing.T) {
	l := newList(t)
	l.publish(`{"tenant":9007199254740993,"exp":"2027-01-16T00:00:00Z"}` + "\n")
	c := l.open()
	var revoked *client.RevokedError
	for _, exact := range []any{int64(1<<53 + 1), json.Number("9007199254740993"), "9007199254740993"} {
		require.ErrorAs(t, c.Check(l.token(map[string]any{"tenant": exact})), &revoked)
	}
	var claim *client.ClaimError
	for _, unclear := range []any{float64(1<<53 + 1), -float64(1 << 53), json.Number("9007199254740993.0")} {
		require.ErrorAs(t, c.Check(l.token(map[string]any{"tenant": unclear})), &claim)
	}
	require.NoError(t, c.Check(l.token(map[string]any{"tenant": float64(1<<53 - 1)})))
}

func TestRevokedSinceWhen(t *testing.T) {
	l := newList(t)
	l.publish(everyKind)
	var revoked *client.RevokedError
	err := l.open().Check(l.token(map[string]any{"sub": "alice", "jti": "stolen"}))
	require.ErrorAs(t, err, &revoked)
	require.Equal(t, []string{"jti", "sub"}, revoked.Rules)
	require.True(t, revoked.Before[0].IsZero(), "outright")
	require.Equal(t, "2027-01-15T07:59:01Z", revoked.Before[1].UTC().Format(time.RFC3339), "rounded up")
	require.EqualError(t, err, "the token is revoked by jti, sub (version 1 of the list)")
}

func TestEverythingIssuedSoFar(t *testing.T) {
	l := newList(t)
	l.publish(`{"before":"2027-01-15T08:00:00Z"}` + "\n")
	c := l.open()
	var revoked *client.RevokedError
	require.ErrorAs(t, c.Check(l.token(nil)), &revoked)
	require.Equal(t, []string{"*"}, revoked.Rules)
	require.NoError(t, c.Check(l.token(map[string]any{"iat": l.clock.Load()})))
}

func TestALoginTooLongAgo(t *testing.T) {
	l := newList(t)
	age := time.Hour
	l.publish("", func(cfg *publish.Config) { cfg.MaxAuthAge = &age })
	c, now := l.open(), l.clock.Load()
	for name, test := range map[string]struct {
		claims map[string]any
		old    bool
	}{
		"auth_time in time":               {map[string]any{"auth_time": now - 3600}, false},
		"auth_time too old":               {map[string]any{"auth_time": now - 3601}, true},
		"auth_time counts, not iat":       {map[string]any{"auth_time": now - 10, "iat": now - 7200}, false},
		"iat where there is no auth_time": {map[string]any{"iat": now - 3601}, true},
		"neither":                         {map[string]any{"iat": nil}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Check(l.token(test.claims))
			if !test.old {
				require.NoError(t, err)
				return
			}
			var revoked *client.RevokedError
			require.ErrorAs(t, err, &revoked)
			require.Equal(t, []string{client.MaxAuthAgeRule}, revoked.Rules)
		})
	}
}

// An entry is there just before and just after the token's exp, and goes only
// when no clock can still take the token for a living one.
func TestAnEntryOutlivesItsToken(t *testing.T) {
	l := newList(t)
	exp := l.clock.Load() + 3600
	l.publish(fmt.Sprintf(`{"jti":"stolen","exp":%d}`+"\n", exp))
	c := l.open()
	revoked := func() bool {
		l.publish("")
		require.NoError(t, c.Refresh(t.Context()))
		var e *client.RevokedError
		err := c.Check(l.token(map[string]any{"jti": "stolen", "iat": exp - 3600, "exp": exp}))
		if err != nil {
			require.ErrorAs(t, err, &e)
		}
		return err != nil
	}
	l.clock.Store(exp - 1)
	require.True(t, revoked())
	l.clock.Store(exp + 1)
	require.True(t, revoked())
	l.clock.Store(exp + 3600 + 299) // one --valid-for and the skew later
	require.True(t, revoked())
	l.clock.Store(exp + 2*3600 + 300) // and an hour, to which expiries are rounded
	require.True(t, revoked(), "a version goes by the clock of the one before")
	l.sleep(time.Minute)
	require.False(t, revoked())
}

// A token that is good from next year on would be there when its entry is gone, and no
// moment before which tokens are revoked would be after its iat.
func TestATokenOfTheFutureDoesNotOutliveItsEntry(t *testing.T) {
	l := newList(t)
	l.publish(`{"before":"2027-01-15T08:00:00Z"}` + "\n" + `{"jti":"stolen","revoked_at":"2027-01-15T08:00:00Z"}` + "\n")
	c := l.open()
	iat := l.clock.Load() + 365*86400
	token := l.token(map[string]any{"jti": "stolen", "iat": iat, "exp": iat + 3600})
	var revoked *client.RevokedError
	require.ErrorAs(t, c.Check(token), &revoked)
	for range 2 * 24 {
		l.sleep(time.Hour)
		l.publish("")
	}
	require.NoError(t, c.Refresh(t.Context()))
	require.Zero(t, c.Status().Entries, "no token that was there lives any more")
	var notCovered *client.NotCoveredError
	require.ErrorAs(t, c.Check(token), &notCovered)
	require.Equal(t, "it was issued in the future", notCovered.Reason)
}

func TestStaleness(t *testing.T) {
	l := newList(t)
	l.publish(everyKind)
	byManifest, byCaller := l.open(), l.open(func(cfg *client.Config) { cfg.MaxAge = 2 * time.Hour })
	var stale *client.StaleError

	l.sleep(time.Hour - time.Second)
	require.NoError(t, byManifest.Check(l.token(nil)))
	l.sleep(time.Second)
	require.ErrorAs(t, byManifest.Check(l.token(nil)), &stale)
	require.True(t, byManifest.Status().Stale)
	require.NoError(t, byCaller.Check(l.token(nil)), "how stale is still good is the caller's number")
	l.sleep(time.Hour)
	require.ErrorAs(t, byCaller.Check(l.token(nil)), &stale)

	var revoked *client.RevokedError
	require.ErrorAs(t, byCaller.Check(l.token(map[string]any{"jti": "stolen"})), &revoked, "revoked stays revoked")

	l.publish("")
	require.NoError(t, byManifest.Refresh(t.Context()))
	require.NoError(t, byManifest.Check(l.token(nil)))

	// A clock before the list's issue proves nothing, but clocks may differ by five minutes.
	issued := byManifest.Status().IssuedAt.Unix()
	l.clock.Store(issued - 300)
	require.NoError(t, byManifest.Check(l.token(nil)))
	for _, before := range []int64{301, 86400} {
		l.clock.Store(issued - before)
		require.ErrorAs(t, byManifest.Check(l.token(nil)), &stale)
		require.ErrorContains(t, stale, "set the clock")
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	l := newList(t)
	l.publish(everyKind)
	c := l.open()
	token := l.token(map[string]any{"jti": "good", "sid": "other", "sub": "carol", "client_id": "web", "tenant": 7.0})
	require.NoError(t, c.Check(token))
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if c.Check(token) != nil {
			panic("refused")
		}
	}))
}
