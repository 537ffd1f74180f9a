package jwx_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/client/jwx"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

const issuer = "https://issuer.example"

// open publishes rows and opens a client of the list.
func open(t *testing.T, rows string) *client.Client {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "rows.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(rows), 0o600))
	src, err := file.Open(path, file.Options{})
	require.NoError(t, err)
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket, err := store.OpenDir(filepath.Join(dir, "list"))
	require.NoError(t, err)
	_, err = publish.Run(t.Context(), publish.Config{
		Store: bucket, Key: key, Source: src, Create: true, Issuer: issuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: time.Now, Rand: rand.Reader,
	})
	require.NoError(t, err)
	c, err := client.Open(t.Context(), client.Config{Store: bucket, Keys: key.Public()})
	require.NoError(t, err)
	return c
}

// mint signs a token of the issuer.
func mint(t *testing.T, kid string, claims map[string]any) ([]byte, jwk.Set) {
	t.Helper()
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := jwk.FromRaw(raw)
	require.NoError(t, err)
	require.NoError(t, key.Set(jwk.KeyIDKey, kid))
	require.NoError(t, key.Set(jwk.AlgorithmKey, jwa.ES256))
	public, err := key.PublicKey()
	require.NoError(t, err)
	keys := jwk.NewSet()
	require.NoError(t, keys.AddKey(public))
	token := jwt.New()
	require.NoError(t, token.Set("iss", issuer))
	require.NoError(t, token.Set("iat", time.Now()))
	require.NoError(t, token.Set("exp", time.Now().Add(time.Hour)))
	for name, value := range claims {
		require.NoError(t, token.Set(name, value))
	}
	compact, err := jwt.Sign(token, jwt.WithKey(jwa.ES256, key))
	require.NoError(t, err)
	return compact, keys
}

func parse(c *client.Client, compact []byte, keys jwk.Set) error {
	_, err := jwt.Parse(compact, jwt.WithKeySet(keys), jwt.WithValidator(jwx.Validator(c, compact)))
	return err
}

func TestValidatorRefusesWhatIsRevoked(t *testing.T) {
	c := open(t, `{"jti":"stolen","exp":"2099-01-01T00:00:00Z"}
{"sub":"alice","before":"2099-01-01T00:00:00Z"}
{"device":7,"exp":"2099-01-01T00:00:00Z"}
{"kid":"leaked"}
`)
	for name, test := range map[string]struct {
		kid    string
		claims map[string]any
		rules  []string
	}{
		"good":           {"k1", map[string]any{"jti": "good", "sub": "bob"}, nil},
		"jti":            {"k1", map[string]any{"jti": "stolen", "sub": "bob"}, []string{"jti"}},
		"sub before":     {"k1", map[string]any{"jti": "good", "sub": "alice"}, []string{"sub"}},
		"claim of ours":  {"k1", map[string]any{"device": 7}, []string{"device"}},
		"kid and sub":    {"leaked", map[string]any{"sub": "alice"}, []string{"kid", "sub"}},
		"similar values": {"leaked2", map[string]any{"jti": "stole", "sub": "alicee", "device": 70}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			compact, keys := mint(t, test.kid, test.claims)
			err := parse(c, compact, keys)
			if test.rules == nil {
				require.NoError(t, err)
				return
			}
			var revoked *client.RevokedError
			require.ErrorAs(t, err, &revoked)
			require.Equal(t, test.rules, revoked.Rules)
		})
	}
}

func TestValidatorWithoutTheHeaderFailsClosed(t *testing.T) {
	c := open(t, `{"kid":"leaked"}`+"\n")
	compact, keys := mint(t, "k1", nil)
	require.NoError(t, parse(c, compact, keys))
	_, err := jwt.Parse(compact, jwt.WithKeySet(keys), jwt.WithValidator(jwx.Validator(c, nil)))
	var claim *client.ClaimError
	require.ErrorAs(t, err, &claim)
	require.Equal(t, "kid", claim.Claim)
}

func TestValidatorDoesNotMakeUpForASignature(t *testing.T) {
	c := open(t, "")
	compact, _ := mint(t, "k1", nil)
	_, others := mint(t, "k1", nil)
	require.Error(t, parse(c, compact, others))
}

// The existing middleware gains one option.
func ExampleValidator() {
	var revoked *client.Client // of client.Open
	var keys jwk.Set           // the issuer's
	accept := func(ctx context.Context, compact []byte) (jwt.Token, error) {
		return jwt.Parse(compact, jwt.WithContext(ctx), jwt.WithKeySet(keys),
			jwt.WithValidator(jwx.Validator(revoked, compact)))
	}
	_ = accept
}
