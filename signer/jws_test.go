package signer

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

var b64 = base64.RawURLEncoding

// forge makes a JWS with any header; sign nil leaves the signature empty.
func forge(header, payload string, sign func(input []byte) []byte) []byte {
	input := []byte(b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload)))
	var sig []byte
	if sign != nil {
		sig = sign(input)
	}
	return append(append(input, '.'), b64.EncodeToString(sig)...)
}

func with(t testing.TB, alg Algorithm) func([]byte) []byte {
	return func(input []byte) []byte {
		sig, err := testKey(t, alg).sign(input)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

func mac(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(input)
		return h.Sum(nil)
	}
}

func parseSet(t testing.TB, keys ...[]byte) *KeySet {
	t.Helper()
	s, err := ParseKeySet(setOf(keys...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerify(t *testing.T) {
	set := parseSet(t,
		edit(t, EdDSA, true, change{"kid": "ed"}), edit(t, ES256, true, change{"kid": "es"}),
		edit(t, ES384, true, change{"kid": "es3"}), edit(t, RS256, true, change{"kid": "rs"}),
		edit(t, PS256, true, change{"kid": "any-rsa", "alg": nil}))
	rsPublic := testKey(t, RS256).public.key.(*rsa.PublicKey)
	der, _ := x509.MarshalPKIXPublicKey(rsPublic)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	publicJWK, _ := testKey(t, RS256).Public().MarshalJWKS()
	ps := func(input []byte) []byte { // the RS256 key used for PS256
		sum := sha256.Sum256(input)
		sig, err := rsa.SignPSS(rand.Reader, testKey(t, RS256).signer.(*rsa.PrivateKey), crypto.SHA256, sum[:], nil)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	rs := func(input []byte) []byte { // the key without alg used for RS256
		sum := sha256.Sum256(input)
		sig, err := testKey(t, PS256).signer.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	stranger, _ := Generate(EdDSA, rand.Reader)
	good := string(forge(`{"alg":"EdDSA","kid":"ed"}`, "{}", with(t, EdDSA)))

	for _, test := range []struct {
		name string
		jws  []byte
		want error
	}{
		{"EdDSA", []byte(good), nil},
		{"ES256", forge(`{"alg":"ES256","kid":"es","typ":"JWT"}`, "{}", with(t, ES256)), nil},
		{"no kid", forge(`{"alg":"ES384"}`, "{}", with(t, ES384)), nil},
		{"no kid, second of two RSA keys", forge(`{"alg":"PS256"}`, "{}", with(t, PS256)), nil},
		{"PS256 by a key without alg", forge(`{"alg":"PS256","kid":"any-rsa"}`, "{}", with(t, PS256)), nil},
		{"RS256 by a key without alg", forge(`{"alg":"RS256","kid":"any-rsa"}`, "{}", rs), nil},
		{"unknown header members", forge(`{"alg":"EdDSA","kid":"ed","jku":"http://evil/","x5u":"x","jwk":{"kty":"oct"}}`, "{}", with(t, EdDSA)), nil},
		{"empty payload", forge(`{"alg":"EdDSA","kid":"ed"}`, "", with(t, EdDSA)), nil},

		{"none", forge(`{"alg":"none","kid":"ed"}`, "{}", nil), ErrAlgorithm},
		{"None", forge(`{"alg":"NONE"}`, "{}", nil), ErrAlgorithm},
		{"no alg", forge(`{"kid":"ed"}`, "{}", with(t, EdDSA)), ErrAlgorithm},
		{"ALG", forge(`{"ALG":"EdDSA","kid":"ed"}`, "{}", with(t, EdDSA)), ErrAlgorithm},
		{"HS256 with the public PEM", forge(`{"alg":"HS256","kid":"rs"}`, "{}", mac(publicPEM)), ErrAlgorithm},
		{"HS256 with the public JWK", forge(`{"alg":"HS256","kid":"rs"}`, "{}", mac(publicJWK)), ErrAlgorithm},
		{"HS256 with the modulus, no kid", forge(`{"alg":"HS256"}`, "{}", mac(rsPublic.N.Bytes())), ErrAlgorithm},
		{"PS256 by the RS256 key", forge(`{"alg":"PS256","kid":"rs"}`, "{}", ps), ErrAlgorithm},
		{"PS256 by the RS256 key, no kid", forge(`{"alg":"PS256"}`, "{}", ps), ErrBadSignature},
		{"RS256 header, PS256 signature", forge(`{"alg":"RS256","kid":"rs"}`, "{}", ps), ErrBadSignature},
		{"ES256 key, ES384 header", forge(`{"alg":"ES384","kid":"es"}`, "{}", with(t, ES256)), ErrAlgorithm},
		{"ES256 key, EdDSA header", forge(`{"alg":"EdDSA","kid":"es"}`, "{}", with(t, ES256)), ErrAlgorithm},
		{"another key's kid", forge(`{"alg":"EdDSA","kid":"es3"}`, "{}", with(t, EdDSA)), ErrAlgorithm},
		{"unknown kid", forge(`{"alg":"EdDSA","kid":"gone"}`, "{}", with(t, EdDSA)), ErrUnknownKey},
		{"stranger", forge(`{"alg":"EdDSA","kid":"ed"}`, "{}", func(in []byte) []byte { s, _ := stranger.sign(in); return s }), ErrBadSignature},
		{"stranger's own jwk", forge(`{"alg":"EdDSA","jwk":{"kty":"OKP"}}`, "{}", func(in []byte) []byte { s, _ := stranger.sign(in); return s }), ErrBadSignature},
		{"no signature", forge(`{"alg":"EdDSA","kid":"ed"}`, "{}", nil), ErrBadSignature},
		{"zero ECDSA signature", forge(`{"alg":"ES256","kid":"es"}`, "{}", func([]byte) []byte { return make([]byte, 64) }), ErrBadSignature},
		{"crit", forge(`{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}`, "{}", with(t, EdDSA)), ErrUnknownCritical},
		{"empty crit", forge(`{"alg":"EdDSA","kid":"ed","crit":[]}`, "{}", with(t, EdDSA)), ErrUnknownCritical},
		{"kid twice", forge(`{"alg":"EdDSA","kid":"ed","kid":"es"}`, "{}", with(t, EdDSA)), ErrMalformed},
		{"alg null", forge(`{"alg":null,"kid":"ed"}`, "{}", with(t, EdDSA)), ErrMalformed},
		{"kid null", forge(`{"alg":"EdDSA","kid":null}`, "{}", with(t, EdDSA)), ErrMalformed},
		{"header null", forge(`null`, "{}", with(t, EdDSA)), ErrMalformed},
		{"header array", forge(`["alg"]`, "{}", with(t, EdDSA)), ErrMalformed},
		{"empty", nil, ErrMalformed},
		{"JSON serialization", []byte(`{"payload":"e30"}`), ErrMalformed},
		{"four parts", []byte(good + ".AA"), ErrMalformed},
		{"padding", []byte(good + "="), ErrMalformed},
		{"line feed behind", []byte(good + "\n"), ErrMalformed},
		{"line feed inside", []byte(good[:9] + "\n" + good[9:]), ErrMalformed},
		{"standard alphabet", []byte("+/+/." + good), ErrMalformed},
		{"huge", bytes.Repeat([]byte("A"), maxCompactSize+1), ErrMalformed},
		{"dots", bytes.Repeat([]byte("."), maxCompactSize), ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, payload, err := set.Verify(test.jws)
			if test.want != nil {
				wantError(t, err, test.want, "")
				if payload != nil || h != (Header{}) {
					t.Error("it returned something besides the error")
				}
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRemovedKey(t *testing.T) {
	jwt, err := testKey(t, EdDSA).SignManifest(testManifest())
	if err != nil {
		t.Fatal(err)
	}
	both := parseSet(t, edit(t, EdDSA, true, nil), edit(t, ES256, true, nil))
	if _, err := both.VerifyManifest(jwt); err != nil {
		t.Error(err)
	}
	_, err = parseSet(t, edit(t, ES256, true, nil)).VerifyManifest(jwt)
	wantError(t, err, ErrUnknownKey, testKey(t, EdDSA).ID())
	_, err = new(KeySet).VerifyManifest(jwt)
	wantError(t, err, ErrUnknownKey, "")
}

// No change of a single bit and no truncation may verify. The slack bits of
// base64 are why this holds only for strict decoding.
func TestEveryBitAndEveryLength(t *testing.T) {
	for _, alg := range []Algorithm{EdDSA, ES256} {
		t.Run(string(alg), func(t *testing.T) {
			if testing.Short() && alg != EdDSA {
				t.Skip("slow")
			}
			k := testKey(t, alg)
			m := testManifest()
			m.Objects, m.Ledger = nil, nil
			jwt, err := k.SignManifest(m)
			if err != nil {
				t.Fatal(err)
			}
			set := k.Public()
			for n := range jwt {
				if _, err := set.VerifyManifest(jwt[:n]); err == nil {
					t.Errorf("the first %d bytes of %d verify", n, len(jwt))
				}
			}
			for i := range jwt {
				for bit := range 8 {
					changed := bytes.Clone(jwt)
					changed[i] ^= 1 << bit
					if _, err := set.VerifyManifest(changed); err == nil {
						t.Errorf("byte %d of %d, bit %d can be changed: %q", i, len(jwt), bit, changed[i])
					}
				}
			}
			for i := range len(jwt) + 1 {
				for _, extra := range []string{"\n", "\r", "=", ".", " ", "A", "\x00"} {
					changed := string(jwt[:i]) + extra + string(jwt[i:])
					if _, err := set.VerifyManifest([]byte(changed)); err == nil {
						t.Errorf("%q can be put in at byte %d of %d", extra, i, len(jwt))
					}
				}
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	set := parseSet(f, edit(f, EdDSA, true, change{"kid": "ed"}), edit(f, ES256, true, nil), edit(f, RS256, true, change{"alg": nil}))
	signed := make(map[string]bool)
	for i, header := range []string{`{"alg":"EdDSA","kid":"ed"}`, `{"alg":"EdDSA"}`, `{"alg":"EdDSA","typ":"` + manifestType + `"}`} {
		payload := fmt.Sprintf(`{"n":%d}`, i)
		jws := forge(header, payload, with(f, EdDSA))
		signed[string(jws[:bytes.LastIndexByte(jws, '.')])] = true
		f.Add(jws)
	}
	f.Add(forge(`{"alg":"none"}`, "{}", nil))
	f.Add(forge(`{"alg":"RS256"}`, "{}", nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := set.Verify(data); err == nil && !signed[string(data[:max(0, bytes.LastIndexByte(data, '.'))])] {
			t.Fatalf("a forgery verifies: %q", data)
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	for _, alg := range []Algorithm{EdDSA, ES256, ES384} {
		f.Add(setOf(edit(f, alg, true, nil)))
		f.Add(edit(f, alg, true, change{"kid": nil, "alg": nil}))
	}
	f.Add([]byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 342) + `"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParseKeySet(data)
		if err != nil {
			return
		}
		out, err := set.MarshalJWKS()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKeySet(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out2, _ := again.MarshalJWKS(); !bytes.Equal(out, out2) {
			t.Fatalf("writing is not stable:\n%s\n%s", out, out2)
		}
		for _, alg := range Algorithms() {
			if _, _, err := set.Verify(forge(`{"alg":"`+string(alg)+`"}`, "{}", nil)); err == nil {
				t.Fatal("no signature verifies")
			}
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	for _, alg := range []Algorithm{EdDSA, ES256, ES384, RS256} {
		f.Add(edit(f, alg, false, nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParsePrivateKey(data)
		if err != nil {
			return
		}
		if _, err := k.SignManifest(testManifest()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.MarshalJWK(); err != nil {
			t.Fatal(err)
		}
	})
}
