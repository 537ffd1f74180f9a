package jwx_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/signer"
)

// BenchmarkParse is what a service does with every token before it checks it, and
// what a check has to be small beside.
func BenchmarkParse(b *testing.B) {
	for _, alg := range []signer.Algorithm{signer.EdDSA, signer.ES256, signer.RS256} {
		key, err := signer.Generate(alg, rand.Reader)
		require.NoError(b, err)
		private, err := key.MarshalJWK()
		require.NoError(b, err)
		parsed, err := jwk.ParseKey(private)
		require.NoError(b, err)
		public, err := parsed.PublicKey()
		require.NoError(b, err)
		token, err := jwt.NewBuilder().Issuer("https://issuer.example").Subject("alice").JwtID("3f1c9f0e-59f2-4bb3-8f6a-0d8f5f3c1f8e").
			IssuedAt(time.Now()).Expiration(time.Now().Add(24*time.Hour)).Claim("sid", "9a3b").Claim("scope", "read write").Build()
		require.NoError(b, err)
		signed, err := jwt.Sign(token, jwt.WithKey(jwa.SignatureAlgorithm(alg), parsed))
		require.NoError(b, err)
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jwt.Parse(signed, jwt.WithKey(jwa.SignatureAlgorithm(alg), public)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
