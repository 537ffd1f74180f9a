package cmd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"
)

// An issuer's key leaked and is revoked by its kid. Whoever has it signs under its name, another's,
// one that nobody has, or none, and none of these tokens is good.
func TestALeakedKeyUnderAnotherName(t *testing.T) {
	const issuer = "https://issuer.example"
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	must := func(program string, args ...string) {
		out, code := run(t, "", program, args...)
		require.Zero(t, code, out)
	}
	must("publisher", "keygen", "--out", file("k.jwk"))
	require.NoError(t, os.WriteFile(file("rows.jsonl"), []byte(`{"kid":"leaked"}`+"\n"), 0o600))
	must("publisher", "publish", "--store", file("list"), "--source", file("rows.jsonl"), "--key", file("k.jwk"),
		"--create", "--issuer", issuer, "--max-token-life", "24h")

	set, secrets := jwk.NewSet(), map[string]*ecdsa.PrivateKey{}
	for _, kid := range []string{"leaked", "other"} {
		secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		key, err := jwk.FromRaw(secret.Public())
		require.NoError(t, err)
		require.NoError(t, key.Set("kid", kid))
		require.NoError(t, set.AddKey(key))
		secrets[kid] = secret
	}
	text, err := json.Marshal(set)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file("issuer.jwks"), text, 0o600))
	now := time.Now()
	claims := fmt.Appendf(nil, `{"iss":%q,"sub":"admin","iat":%d,"exp":%d}`, issuer, now.Unix(), now.Add(time.Hour).Unix())

	for _, test := range []struct{ by, kid, want string }{
		{"leaked", "leaked", "revoked kid\n"},
		{"leaked", "", "revoked kid\n"},
		{"leaked", "other", "invalid its kid is \"other\", and the key that made its signature is \"leaked\"\n"},
		{"leaked", "nobody", "invalid its kid is \"nobody\", and the key that made its signature is \"leaked\"\n"},
		{"other", "leaked", "invalid its kid is \"leaked\", and the key that made its signature is \"other\"\n"},
		{"other", "other", "ok\n"},
		{"other", "", "ok\n"},
	} {
		header := jws.NewHeaders()
		if test.kid != "" {
			require.NoError(t, header.Set("kid", test.kid))
		}
		token, err := jws.Sign(claims, jws.WithKey(jwa.ES256, secrets[test.by], jws.WithProtectedHeaders(header)))
		require.NoError(t, err)
		out, _ := run(t, "", "verifier", "check", file("list"), "--keys", file("k.pub.jwks"), "--jwks", file("issuer.jwks"), string(token))
		require.Equal(t, test.want, out, "by the key %q, under the name %q", test.by, test.kid)
	}
}
