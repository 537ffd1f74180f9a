package client_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// rekey gives the publisher another key, and the one that it had.
func (s *siege) rekey() (old *signer.PrivateKey) {
	s.t.Helper()
	old = s.key
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(s.t, err)
	s.secret = secret
	s.key, err = signer.NewPrivateKey("", signer.EdDSA, secret)
	require.NoError(s.t, err)
	return old
}

func after(old *signer.PrivateKey) func(*publish.Config) {
	return func(cfg *publish.Config) { cfg.Trusted = old.Public() }
}

const oneMore = `{"jti":"good","exp":"2027-01-16T00:00:00Z"}` + "\n"

// What a removed key signed is not believed after a restart, from the cache least of all; the
// first list by the new key is, and from then on a restart needs no network.
func TestAKeyIsRemoved(t *testing.T) {
	s := besiege(t)
	s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n") // the cache holds a list and a step
	s.rules[held+1] = answers(s.open(), s.tokens)
	s.keys = s.key.Public()
	s.follow(s.cached)
	s.says(s.follow(s.cached, unplugged), held+1, "with the old key")

	old := s.rekey()
	s.keys = s.key.Public()
	for _, c := range []*client.Client{s.follow(s.cached, unplugged), s.follow(s.cached), s.follow()} {
		s.says(c, 0, "there is nothing by the new key")
	}
	c := s.follow(s.cached)
	require.ErrorIs(t, c.Status().Err, signer.ErrUnknownKey)

	head := s.publish(oneMore, after(old)).Version
	s.rules[head] = answers(s.open(), s.tokens)
	require.NoError(t, c.Refresh(t.Context()))
	s.says(c, head, "by the new key")
	s.says(s.follow(s.cached), head, "restarted")
	s.says(s.follow(s.cached, unplugged), head, "restarted without a network")
}

// The same for a client that took the first list by the new key while it trusted both.
func TestAKeyIsReplacedAndThenRemoved(t *testing.T) {
	s := besiege(t)
	s.follow(s.cached)
	old := s.rekey()
	both, err := old.Public().Union(s.key.Public())
	require.NoError(t, err)
	head := s.publish(oneMore, after(old)).Version
	s.rules[head] = answers(s.open(), s.tokens)
	s.keys = both
	s.says(s.follow(s.cached), head, "with both keys")
	s.says(s.follow(s.cached, unplugged), head, "with both keys, without a network")

	s.keys = s.key.Public()
	s.says(s.follow(s.cached), head, "with the new key")
	s.says(s.follow(s.cached, unplugged), head, "with the new key, without a network")
	s.keys = old.Public()
	s.says(s.follow(s.cached), 0, "with the old key")
}

// A leaked key can take clients as far ahead as it likes. When the key is removed, what it signed
// counts for nothing, so that the honest list is not older than anything.
func TestFastForwardEndsWithTheKey(t *testing.T) {
	for _, far := range []uint64{held + 1000, signer.MaxVersion} {
		t.Run(fmt.Sprint(far), func(t *testing.T) {
			s := besiege(t)
			c := s.follow(s.cached)
			m, objects := s.emptied(far)
			signed, err := s.key.SignManifest(m)
			require.NoError(t, err)
			s.web.Attack(instead(far, signed, objects))
			require.NoError(t, c.Refresh(t.Context()))
			require.Equal(t, far, c.Status().Version, "whoever has the key can do that")

			old := s.rekey()
			s.keys = s.key.Public()
			s.says(s.follow(s.cached), 0, "the key is removed")
			s.web.Attack(nil)
			head := s.publish(oneMore, after(old)).Version
			s.rules[head] = answers(s.open(), s.tokens)
			require.ErrorIs(t, c.Refresh(t.Context()), signer.ErrUnknownKey, "a client trusts what it was started with")
			s.says(s.follow(s.cached), head, "the key is removed, and the list published")
			s.says(s.follow(s.cached, unplugged), head, "without a network")
		})
	}
}

// Without a key an attacker can take nobody ahead.
func TestFastForward(t *testing.T) {
	far := func(manifest func(s *siege, m *signer.Manifest) []byte) attack {
		return attack{answer: func(s *siege) hostile.Answer {
			m, objects := s.emptied(held + 1000)
			return instead(m.Version, manifest(s, m), objects)
		}, is: signer.ErrUnknownKey, fresh: held}
	}
	runAll(t, map[string]attack{
		"by a removed key": far(func(s *siege, m *signer.Manifest) []byte {
			removed := s.rekey() // from here on the publisher's is a key that nobody knows
			signed, err := s.key.SignManifest(m)
			require.NoError(s.t, err)
			s.key = removed
			return signed
		}),
	})
}

func TestTwoKeysOfOneName(t *testing.T) {
	s := besiege(t)
	one, err := s.key.Public().MarshalJWKS()
	require.NoError(t, err)
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	other, err := signer.NewPrivateKey(s.key.ID(), signer.EdDSA, secret)
	require.NoError(t, err)
	two, err := other.Public().MarshalJWKS()
	require.NoError(t, err)

	_, err = s.key.Public().Union(other.Public())
	require.ErrorIs(t, err, signer.ErrBadKey)
	joined := strings.Replace(string(one), `"keys": [`, `"keys": [`+keyOf(t, two)+",", 1)
	_, err = signer.ParseKeySet([]byte(joined))
	require.ErrorContains(t, err, "stands in the set twice")
}

// keyOf is the one key of a set, as JSON.
func keyOf(t *testing.T, jwks []byte) string {
	text := string(jwks)
	first, last := strings.Index(text, "["), strings.LastIndex(text, "]")
	require.Positive(t, first)
	return text[first+1 : last]
}

// An ECDSA signature (r, s) is as good as (r, n-s), so a stranger can make other bytes of the same
// manifest. Nobody takes them, or a mirror would call the honest ones a fork.
func TestAnotherSignatureIsRefused(t *testing.T) {
	for alg, curve := range map[signer.Algorithm]elliptic.Curve{signer.ES256: elliptic.P256(), signer.ES384: elliptic.P384()} {
		t.Run(string(alg), func(t *testing.T) {
			l := newList(t)
			var err error
			l.key, err = signer.Generate(alg, rand.Reader)
			require.NoError(t, err)
			l.publish(everyKind)
			s := &siege{list: l, truth: &truth{}, keys: l.key.Public(), disk: filepath.Join(l.dir, "disk")}
			s.web = hostile.Serve(l.bucket.String())
			t.Cleanup(s.web.Close)

			honest := string(s.object(signer.LatestName))
			dot := strings.LastIndex(honest, ".")
			signature, err := base64.RawURLEncoding.DecodeString(honest[dot+1:])
			require.NoError(t, err)
			half := signature[len(signature)/2:]
			new(big.Int).Sub(curve.Params().N, new(big.Int).SetBytes(half)).FillBytes(half)
			other := []byte(honest[:dot+1] + encode(string(signature)))
			_, _, err = s.keys.Verify(other)
			require.NoError(t, err, "it is a good signature")
			s.web.Attack(instead(1, other, nil))
			c := s.follow(s.cached)
			require.ErrorIs(t, c.Status().Err, signer.ErrBadSignature)
			require.False(t, c.Status().Loaded)
			copied := s.cache("mirror")
			r, err := store.Open(s.web.URL)
			require.NoError(t, err)
			quiet := func(string, int64, int64) {}
			_, err = audit.Mirror(t.Context(), r, copied, s.keys, quiet)
			require.ErrorIs(t, err, signer.ErrBadSignature)

			s.web.Attack(nil)
			require.NoError(t, c.Refresh(t.Context()))
			s.publish(oneMore)
			require.NoError(t, c.Refresh(t.Context()))
			require.EqualValues(t, 2, c.Status().Version)
			_, err = audit.Mirror(t.Context(), r, copied, s.keys, quiet)
			require.NoError(t, err)
		})
	}
}
