package client_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/signer"
)

func sha(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

// A client trusts three keys in these attacks. The forger has none of them but
// where it says "honest", which stands for whatever else a key may once sign.
var trusted = sync.OnceValues(func() (*ecdsa.PrivateKey, *rsa.PrivateKey) {
	es, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return es, rs
})

var mine = sync.OnceValue(func() ed25519.PrivateKey {
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return secret
})

type sign func(input []byte) []byte

func stranger(input []byte) []byte { return ed25519.Sign(mine(), input) }

func unsigned([]byte) []byte { return nil }

func mac(secret []byte) sign {
	return func(input []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(input)
		return h.Sum(nil)
	}
}

func encode(data string) string { return base64.RawURLEncoding.EncodeToString([]byte(data)) }

func compact(header, payload string, by sign) []byte {
	input := encode(header) + "." + encode(payload)
	return []byte(input + "." + encode(string(by([]byte(input)))))
}

// A forgery makes a manifest of claims that say that nothing is revoked.
type forgery struct {
	make func(s *siege, claims string) []byte
	is   error
}

// headed is a forgery by its header, in which $KID is the honest key's.
func headed(is error, header string, by func(s *siege) sign) forgery {
	return forgery{func(s *siege, claims string) []byte {
		header := strings.ReplaceAll(header, "$KID", s.key.ID())
		return compact(header, claims, by(s))
	}, is}
}

func honest(s *siege) sign { return func(in []byte) []byte { return ed25519.Sign(s.secret, in) } }

func fixed(by sign) func(*siege) sign { return func(*siege) sign { return by } }

const typ = `"typ":"revocation-manifest+jwt"`

// edited is a forgery by its claims, signed as the honest key would.
func edited(is error, edit func(claims string) string) forgery {
	return forgery{func(s *siege, claims string) []byte {
		return compact(fmt.Sprintf(`{"alg":"EdDSA","kid":%q,%s}`, s.key.ID(), typ), edit(claims), honest(s))
	}, is}
}

func replaced(old, new string) func(string) string {
	return func(claims string) string { return strings.Replace(claims, old, new, 1) }
}

func (f forgery) attack() attack {
	return attack{before: func(s *siege) {
		es, rs := trusted()
		for alg, key := range map[signer.Algorithm]crypto.Signer{signer.ES256: es, signer.RS256: rs} {
			private, err := signer.NewPrivateKey("old "+string(alg), alg, key)
			require.NoError(s.t, err)
			s.keys, err = s.keys.Union(private.Public())
			require.NoError(s.t, err)
		}
	}, answer: func(s *siege) hostile.Answer {
		m, objects := s.emptied(held + 1)
		claims, err := json.Marshal(m)
		require.NoError(s.t, err)
		return instead(m.Version, f.make(s, string(claims)), objects)
	}, is: f.is, fresh: 0}
}

func runForgeries(t *testing.T, forgeries map[string]forgery) {
	for name, f := range forgeries {
		t.Run(name, func(t *testing.T) { f.attack().run(t) })
	}
}

func TestWrongSigner(t *testing.T) {
	kid := func() string {
		k, err := signer.NewPrivateKey("", signer.EdDSA, mine())
		require.NoError(t, err)
		return k.ID()
	}()
	runForgeries(t, map[string]forgery{
		"a stranger under its own name":    headed(signer.ErrUnknownKey, `{"alg":"EdDSA","kid":"`+kid+`",`+typ+`}`, fixed(stranger)),
		"a stranger under the honest name": headed(signer.ErrBadSignature, `{"alg":"EdDSA","kid":"$KID",`+typ+`}`, fixed(stranger)),
		"a stranger without a name":        headed(signer.ErrBadSignature, `{"alg":"EdDSA",`+typ+`}`, fixed(stranger)),
		"nobody":                           headed(signer.ErrBadSignature, `{"alg":"EdDSA","kid":"$KID",`+typ+`}`, fixed(unsigned)),
		"a path for a name":                headed(signer.ErrUnknownKey, `{"alg":"EdDSA","kid":"../../$KID",`+typ+`}`, fixed(stranger)),
		"the honest signature of version 3": {func(s *siege, claims string) []byte {
			obj, err := s.bucket.Get(s.t.Context(), signer.ManifestName(held), signer.MaxManifestSize, "")
			require.NoError(s.t, err)
			parts := bytes.Split(obj.Data, []byte("."))
			return bytes.Join([][]byte{parts[0], []byte(encode(claims)), parts[2]}, []byte("."))
		}, signer.ErrBadSignature},
	})
}

func TestAlgorithmConfusion(t *testing.T) {
	public := func(s *siege) sign { return mac(s.secret.Public().(ed25519.PublicKey)) }
	jwks := func(s *siege) sign {
		text, err := s.key.Public().MarshalJWKS()
		require.NoError(s.t, err)
		return mac(text)
	}
	x := base64.RawURLEncoding.EncodeToString(mine().Public().(ed25519.PublicKey))
	pkcs1 := func(in []byte) []byte {
		_, rs := trusted()
		sig, err := rs.Sign(rand.Reader, sha(in), crypto.SHA256)
		require.NoError(t, err)
		return sig
	}
	pss := func(in []byte) []byte {
		_, rs := trusted()
		sig, err := rs.Sign(rand.Reader, sha(in), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
		require.NoError(t, err)
		return sig
	}
	runForgeries(t, map[string]forgery{
		"none":                                  headed(signer.ErrAlgorithm, `{"alg":"none",`+typ+`}`, fixed(unsigned)),
		"none with a kid":                       headed(signer.ErrAlgorithm, `{"alg":"none","kid":"$KID",`+typ+`}`, fixed(unsigned)),
		"nOnE":                                  headed(signer.ErrAlgorithm, `{"alg":"nOnE","kid":"$KID",`+typ+`}`, fixed(unsigned)),
		"no alg":                                headed(signer.ErrAlgorithm, `{"kid":"$KID",`+typ+`}`, honest),
		"eddsa":                                 headed(signer.ErrAlgorithm, `{"alg":"eddsa","kid":"$KID",`+typ+`}`, honest),
		"HS256 with the public key":             headed(signer.ErrAlgorithm, `{"alg":"HS256","kid":"$KID",`+typ+`}`, public),
		"HS256 with the key set, without a kid": headed(signer.ErrAlgorithm, `{"alg":"HS256",`+typ+`}`, jwks),
		"RS256 under the name of an ES256 key":  headed(signer.ErrAlgorithm, `{"alg":"RS256","kid":"old ES256",`+typ+`}`, fixed(pkcs1)),
		"PS256 by a key for RS256":              headed(signer.ErrAlgorithm, `{"alg":"PS256","kid":"old RS256",`+typ+`}`, fixed(pkcs1)),
		"PS256 by a key for RS256, really":      headed(signer.ErrAlgorithm, `{"alg":"PS256","kid":"old RS256",`+typ+`}`, fixed(pss)),
		"PS256 by a key for RS256, no name":     headed(signer.ErrAlgorithm, `{"alg":"PS256",`+typ+`}`, fixed(pss)),
		"EdDSA under the name of an RS256 key":  headed(signer.ErrAlgorithm, `{"alg":"EdDSA","kid":"old RS256",`+typ+`}`, fixed(stranger)),
		"an ECDSA signature of zeros": headed(signer.ErrBadSignature, `{"alg":"ES256","kid":"old ES256",`+typ+`}`,
			fixed(func([]byte) []byte { return make([]byte, 64) })),
		"the stranger's jwk in the header": headed(signer.ErrBadSignature, `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"`+x+`"},`+typ+`}`, fixed(stranger)),
		"jku, x5u and x5c in the header": headed(signer.ErrBadSignature,
			`{"alg":"EdDSA","kid":"$KID","jku":"http://127.0.0.1/keys","x5u":"http://127.0.0.1/x","x5c":["AAAA"],`+typ+`}`, fixed(stranger)),
	})
}

func TestUnknownCritAndOtherKindsOfToken(t *testing.T) {
	runForgeries(t, map[string]forgery{
		"crit in the header":          headed(signer.ErrUnknownCritical, `{"alg":"EdDSA","kid":"$KID","crit":["new"],"new":1,`+typ+`}`, honest),
		"an empty crit in the header": headed(signer.ErrUnknownCritical, `{"alg":"EdDSA","kid":"$KID","crit":[],`+typ+`}`, honest),
		"b64 false":                   headed(signer.ErrUnknownCritical, `{"alg":"EdDSA","kid":"$KID","crit":["b64"],"b64":false,`+typ+`}`, honest),
		"crit in the claims":          edited(signer.ErrUnknownCritical, replaced(`{`, `{"crit":["new"],"new":1,`)),
		"an empty crit in the claims": edited(signer.ErrUnknownCritical, replaced(`{`, `{"crit":[],`)),
		"another format":              edited(signer.ErrUnsupportedFormat, replaced(`"fmt":3`, `"fmt":4`)),
		"an access token":             headed(signer.ErrType, `{"alg":"EdDSA","kid":"$KID","typ":"at+jwt"}`, honest),
		"a JWT without typ":           headed(signer.ErrType, `{"alg":"EdDSA","kid":"$KID"}`, honest),
		"an ID token's claims":        edited(signer.ErrMalformed, func(string) string { return `{"iss":"https://issuer.example","sub":"x","iat":1,"exp":2}` }),
	})
}

func TestManifestsThatCouldBeReadInTwoWays(t *testing.T) {
	runForgeries(t, map[string]forgery{
		"a member twice":           edited(signer.ErrMalformed, replaced(`{`, `{"ver":3,`)),
		"a member in capitals":     edited(signer.ErrMalformed, replaced(`{`, `{"VER":3,`)),
		"a nested member twice":    edited(signer.ErrMalformed, replaced(`"count":`, `"count":1,"count":`)),
		"something behind":         edited(signer.ErrMalformed, func(claims string) string { return claims + "{}" }),
		"not UTF-8":                edited(signer.ErrMalformed, replaced(issuer, issuer+"\xff")),
		"a header member twice":    headed(signer.ErrMalformed, `{"alg":"EdDSA","alg":"none","kid":"$KID",`+typ+`}`, honest),
		"nested beyond the bound":  edited(signer.ErrMalformed, replaced(`{`, `{"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,`)),
		"nested beyond all bounds": edited(signer.ErrMalformed, replaced(`{`, `{"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`,`)),
		"JSON serialization": {func(s *siege, claims string) []byte {
			return serialized(s, claims, `{"payload":"%[2]s","protected":"%[1]s","signature":"%[3]s"}`)
		}, signer.ErrMalformed},
		"several signatures": {func(s *siege, claims string) []byte {
			return serialized(s, claims, `{"payload":"%[2]s","signatures":[{"protected":"%[1]s","signature":"AAAA"},{"protected":"%[1]s","signature":"%[3]s"}]}`)
		}, signer.ErrMalformed},
		"a detached payload": {func(s *siege, claims string) []byte { return serialized(s, claims, `%[1]s..%[3]s`) }, signer.ErrBadSignature},
		"bytes behind":       {func(s *siege, claims string) []byte { return serialized(s, claims, "%[1]s.%[2]s.%[3]s\n") }, signer.ErrMalformed},
		"a fourth part":      {func(s *siege, claims string) []byte { return serialized(s, claims, "%[1]s.%[2]s.%[3]s.AAAA") }, signer.ErrMalformed},
		"padding":            {func(s *siege, claims string) []byte { return serialized(s, claims, "%[1]s=.%[2]s.%[3]s") }, signer.ErrMalformed},
	})
}

// serialized puts the three parts of an honestly signed JWS together otherwise.
func serialized(s *siege, claims, format string) []byte {
	parts := strings.Split(string(compact(fmt.Sprintf(`{"alg":"EdDSA","kid":%q,%s}`, s.key.ID(), typ), claims, honest(s))), ".")
	return fmt.Appendf(nil, format, parts[0], parts[1], parts[2])
}

// Names of objects follow from what they are; a version is the only thing in them that
// a manifest states.
func TestVersionsOutOfRange(t *testing.T) {
	attacks := map[string]attack{}
	for _, version := range []string{"-1", "0", "4.5", "1000000000000", "18446744073709551616", `"../../4"`, "null"} {
		attacks[version] = edited(signer.ErrMalformed, replaced(`"ver":4`, `"ver":`+version)).attack()
	}
	runAll(t, attacks)
}
