package signer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// testKey returns one key for each algorithm, made once: RSA keys are slow.
func testKey(t testing.TB, alg Algorithm) *PrivateKey {
	t.Helper()
	k, err := testKeys[alg]()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var testKeys = func() map[Algorithm]func() (*PrivateKey, error) {
	m := make(map[Algorithm]func() (*PrivateKey, error))
	for _, alg := range Algorithms() {
		m[alg] = sync.OnceValues(func() (*PrivateKey, error) {
			if alg == EdDSA { // always the same, so that fuzzing can be repeated
				return Generate(alg, strings.NewReader("revocast: a key for testing only"))
			}
			return Generate(alg, rand.Reader)
		})
	}
	return m
}()

// hidden is a crypto.Signer that shows nothing of its key, as a KMS does.
type hidden struct{ inner crypto.Signer }

func (h hidden) Public() crypto.PublicKey { return h.inner.Public() }
func (h hidden) Sign(r io.Reader, d []byte, o crypto.SignerOpts) ([]byte, error) {
	return h.inner.Sign(r, d, o)
}

func wantError(t *testing.T, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("error %v, want %q with %q in it", err, want, text)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, alg := range Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			k := testKey(t, alg)
			file, err := k.MarshalJWK()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParsePrivateKey(file)
			if err != nil {
				t.Fatal(err)
			}
			file2, _ := again.MarshalJWK()
			if again.ID() != k.ID() || again.Algorithm() != alg || !bytes.Equal(file, file2) || len(k.ID()) != 43 {
				t.Errorf("the key changed when written and read: %s %s", again.ID(), again.Algorithm())
			}
			jwks, err := again.Public().MarshalJWKS()
			if err != nil {
				t.Fatal(err)
			}
			set, err := ParseKeySet(jwks)
			if err != nil {
				t.Fatalf("%v\n%s", err, jwks)
			}
			if set.Len() != 1 || set.IDs()[0] != k.ID() {
				t.Errorf("the set has the keys %v", set.IDs())
			}
			inHSM, err := NewPrivateKey("hsm", alg, hidden{k.signer})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := inHSM.MarshalJWK(); err == nil || !strings.Contains(err.Error(), "cannot be exported") {
				t.Errorf("exporting a hidden key: %v", err)
			}
			for _, signing := range []*PrivateKey{k, inHSM} {
				jwt, err := signing.SignManifest(testManifest())
				if err != nil {
					t.Fatal(err)
				}
				if signing == k {
					_, err = set.VerifyManifest(jwt)
				} else {
					_, err = set.VerifyManifest(jwt)
					wantError(t, err, ErrUnknownKey, `"hsm"`)
					_, err = inHSM.Public().VerifyManifest(jwt)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// RFC 8037, appendix A: the key, its thumbprint and a signature by it.
func TestRFC8037(t *testing.T) {
	k, err := ParsePrivateKey([]byte(`{"kty":"OKP","crv":"Ed25519",
		"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
		"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; k.ID() != want {
		t.Errorf("thumbprint %s, want %s", k.ID(), want)
	}
	h, payload, err := k.Public().Verify([]byte("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"))
	if err != nil || string(payload) != "Example of Ed25519 signing" || h != (Header{Algorithm: EdDSA}) {
		t.Errorf("%v %q %v", h, payload, err)
	}
}

func TestGenerate(t *testing.T) {
	one, _ := Generate(EdDSA, bytes.NewReader(make([]byte, 32)))
	two, _ := Generate(EdDSA, bytes.NewReader(make([]byte, 32)))
	if one == nil || two == nil || one.ID() != two.ID() {
		t.Error("EdDSA keys do not come from the given randomness")
	}
	_, err := Generate(EdDSA, bytes.NewReader(make([]byte, 31)))
	wantError(t, err, ErrBadKey, "EOF")
	for _, alg := range []Algorithm{"none", "HS256", "", "eddsa", "ES512"} {
		_, err := Generate(alg, rand.Reader)
		wantError(t, err, ErrAlgorithm, "EdDSA, ES256")
	}
}

func TestNewPrivateKeyRefuses(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	for _, test := range []struct {
		name, kid string
		alg       Algorithm
		key       crypto.Signer
		want      error
		text      string
	}{
		{"no key", "", EdDSA, nil, ErrBadKey, "there is none"},
		{"wrong curve", "", ES384, testKey(t, ES256).signer, ErrAlgorithm, "for ES256, not"},
		{"wrong type", "", PS256, testKey(t, EdDSA).signer, ErrAlgorithm, "for EdDSA, not"},
		{"HMAC", "", "HS256", testKey(t, EdDSA).signer, ErrAlgorithm, "HS256"},
		{"none", "", "none", testKey(t, EdDSA).signer, ErrAlgorithm, "none"},
		{"weak RSA", "", RS256, weak, ErrBadKey, "1024 bits"},
		{"weak RSA in a device", "", RS256, hidden{weak}, ErrBadKey, "1024 bits"},
		{"P-521", "", ES384, p521, ErrBadKey, "P-256"},
		{"short Ed25519", "", EdDSA, ed25519.PrivateKey{1}, ErrBadKey, "does not belong"},
		{"kid with a line feed", "a\nb", EdDSA, testKey(t, EdDSA).signer, ErrBadKey, "printable"},
		{"long kid", strings.Repeat("k", 257), EdDSA, testKey(t, EdDSA).signer, ErrBadKey, "256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewPrivateKey(test.kid, test.alg, test.key)
			wantError(t, err, test.want, test.text)
		})
	}
}

// A device that signs with another key than it claims must not get to publish.
func TestWrongSigningDevice(t *testing.T) {
	other, _ := Generate(EdDSA, rand.Reader)
	k, err := NewPrivateKey("kms", EdDSA, liar{hidden{other.signer}, testKey(t, EdDSA).signer.Public()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.SignManifest(testManifest())
	wantError(t, err, ErrSigning, "signing device")
	k, _ = NewPrivateKey("kms", EdDSA, offline{testKey(t, EdDSA).signer})
	_, err = k.SignManifest(testManifest())
	wantError(t, err, ErrSigning, "no route to KMS")
	wantError(t, err, io.ErrClosedPipe, "")
}

type liar struct {
	hidden
	claimed crypto.PublicKey
}

func (l liar) Public() crypto.PublicKey { return l.claimed }

type offline struct{ crypto.Signer }

func (offline) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("no route to KMS: %w", io.ErrClosedPipe)
}

// edit returns the key file of alg with members replaced; nil removes one.
func edit(t testing.TB, alg Algorithm, public bool, changes map[string]any) []byte {
	t.Helper()
	k := testKey(t, alg)
	file, err := k.MarshalJWK()
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(file, &members); err != nil {
		t.Fatal(err)
	}
	if public {
		for _, name := range privateMembers {
			delete(members, name)
		}
	}
	for name, v := range changes {
		if members[name] = v; v == nil {
			delete(members, name)
		}
	}
	out, _ := json.Marshal(members)
	return out
}

type change = map[string]any

func TestParsePrivateKey(t *testing.T) {
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	weakFile, err := marshalJWK(weak, publicKey{id: "weak", algorithms: []Algorithm{RS256}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		file []byte
		want error // nil: it is a good key
		text string
	}{
		{"EdDSA without alg", edit(t, EdDSA, false, change{"alg": nil, "kid": nil, "use": nil}), nil, ""},
		{"ES256 without alg", edit(t, ES256, false, change{"alg": nil}), nil, ""},
		{"key_ops", edit(t, ES256, false, change{"key_ops": []string{"sign"}}), nil, ""},
		{"RSA without alg", edit(t, RS256, false, change{"alg": nil}), ErrBadKey, `add "alg"`},
		{"RSA without CRT values", edit(t, RS256, false, change{"dp": nil, "dq": nil, "qi": nil}), nil, ""},
		{"RSA with wrong CRT values", edit(t, RS256, false, change{"dp": "AQAB"}), nil, ""},
		{"RSA without primes", edit(t, RS256, false, change{"p": nil, "q": nil, "dp": nil, "dq": nil, "qi": nil}), ErrBadKey, "d, p and q"},
		{"RSA with another d", edit(t, RS256, false, change{"d": "AQAB"}), ErrBadKey, "inconsistent"},
		{"RSA with even exponent", edit(t, RS256, false, change{"e": "Ag"}), ErrBadKey, "odd"},
		{"RSA with huge exponent", edit(t, RS256, false, change{"e": "AQAAAAAAAAAAAQ"}), ErrBadKey, "too long"},
		{"weak RSA", weakFile, ErrBadKey, "1024 bits"},
		{"huge RSA", edit(t, RS256, false, change{"n": strings.Repeat("_", 3000)}), ErrBadKey, "too long"},
		{"public", edit(t, ES256, true, nil), ErrBadKey, "public key"},
		{"oct", []byte(`{"kty":"oct","k":"AAAA","alg":"HS256"}`), ErrBadKey, "symmetric"},
		{"encryption", edit(t, ES256, false, change{"use": "enc"}), ErrBadKey, "use"},
		{"key_ops without sign", edit(t, ES256, false, change{"key_ops": []string{"verify"}}), ErrBadKey, "key_ops"},
		{"alg of another curve", edit(t, ES256, false, change{"alg": "ES384"}), ErrAlgorithm, "for ES256"},
		{"HMAC alg", edit(t, ES256, false, change{"alg": "HS256"}), ErrBadKey, "HS256"},
		{"unknown curve", edit(t, ES256, false, change{"crv": "secp256k1"}), ErrBadKey, "secp256k1"},
		{"X25519", edit(t, EdDSA, false, change{"crv": "X25519"}), ErrBadKey, "X25519"},
		{"point off the curve", edit(t, ES256, false, change{"x": strings.Repeat("A", 43)}), ErrBadKey, "point"},
		{"another private half", edit(t, ES256, false, change{"d": strings.Repeat("B", 43)}), ErrBadKey, ""},
		{"another Ed25519 half", edit(t, EdDSA, false, change{"d": strings.Repeat("A", 43)}), ErrBadKey, ""},
		{"short x", edit(t, EdDSA, false, change{"x": "AAAA"}), ErrBadKey, ""},
		{"no x", edit(t, EdDSA, false, change{"x": nil}), ErrBadKey, "missing"},
		{"kid is a number", edit(t, EdDSA, false, change{"kid": 7}), ErrBadKey, "kid"},
		{"a set", []byte(`{"keys":[]}`), ErrBadKey, "one JWK"},
		{"twice the same member", []byte(`{"kty":"OKP","kty":"EC"}`), ErrBadKey, "twice"},
		{"PEM", []byte("-----BEGIN PRIVATE KEY-----"), ErrBadKey, "JWK"},
		{"null", []byte(`null`), ErrBadKey, "object"},
		{"empty", nil, ErrBadKey, "it is empty"},
		{"PEM", []byte("-----BEGIN PRIVATE KEY-----\n"), ErrBadKey, "it is PEM, which is not read"},
		{"long", bytes.Repeat([]byte(" "), maxPrivateKeySize+1), ErrBadKey, "bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, err := ParsePrivateKey(test.file)
			if test.want != nil {
				wantError(t, err, test.want, test.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.SignManifest(testManifest()); err != nil {
				t.Error(err)
			}
		})
	}
}

func setOf(keys ...[]byte) []byte {
	return fmt.Appendf(nil, `{"keys":[%s]}`, bytes.Join(keys, []byte(",")))
}

func TestParseKeySet(t *testing.T) {
	ed, es := edit(t, EdDSA, true, nil), edit(t, ES256, true, nil)
	rsaEnc := edit(t, RS256, true, change{"use": "enc", "alg": "RSA-OAEP", "kid": "enc"})
	many := make([][]byte, maxKeys+1)
	for i := range many {
		many[i] = edit(t, EdDSA, true, change{"kid": fmt.Sprint(i)})
	}
	ids := func(algs ...Algorithm) (out []string) {
		for _, a := range algs {
			out = append(out, testKey(t, a).ID())
		}
		return out
	}
	for _, test := range []struct {
		name string
		file []byte
		ids  []string // nil: an error with text
		text string
	}{
		{"one JWK", ed, ids(EdDSA), ""},
		{"two", setOf(ed, es), ids(EdDSA, ES256), ""},
		{"without kid and alg", setOf(edit(t, ES384, true, change{"kid": nil, "alg": nil})), ids(ES384), ""},
		{"passed over", setOf(rsaEnc, ed, []byte(`{"kty":"AKP","alg":"ML-DSA-44","pub":""}`)), ids(EdDSA), ""},
		{"nothing left", setOf(rsaEnc), nil, "no key of the set"},
		{"empty", setOf(), nil, "empty"},
		{"null", []byte(`{"keys":null}`), nil, "empty"},
		{"keys is an object", []byte(`{"keys":{}}`), nil, "array"},
		{"the same kid twice", setOf(ed, edit(t, ES256, true, change{"kid": testKey(t, EdDSA).ID()})), nil, "key 2 of 2: unusable key: the kid"},
		{"private", setOf(ed, edit(t, ES256, false, nil)), nil, "treat it as leaked"},
		{"private for encryption", setOf(ed, edit(t, ES256, false, change{"use": "enc"})), nil, "treat it as leaked"},
		{"HMAC", setOf(ed, []byte(`{"kty":"oct","k":"AAAA"}`)), nil, "symmetric"},
		{"oct without k", setOf(ed, []byte(`{"kty":"oct"}`)), nil, "symmetric"},
		{"alg of another curve", setOf(edit(t, ES256, true, change{"alg": "ES384"})), nil, "for ES256"},
		{"hidden private member", setOf(edit(t, EdDSA, true, change{"D": "AAAA"})), nil, ""},
		{"broken", setOf(ed, []byte(`{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`)), nil, "point"},
		{"a string", setOf([]byte(`"x"`)), nil, "objects"},
		{"64", setOf(many[1:]...), nil, "-"},
		{"65", setOf(many...), nil, "65 keys"},
		{"not UTF-8", []byte("{\"keys\":[],\"\xff\":1}"), nil, "UTF-8"},
		{"two values", []byte(`{"keys":[]}{}`), nil, "one JSON value"},
		{"deep", []byte(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), nil, "deep"},
		{"long", make([]byte, maxKeySetSize+1), nil, "bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := bytes.Clone(test.file)
			set, err := ParseKeySet(test.file)
			if !bytes.Equal(before, test.file) {
				t.Error("ParseKeySet wrote into its argument")
			}
			switch {
			case test.text == "-":
				if err != nil || set.Len() != maxKeys {
					t.Error(err)
				}
			case test.ids == nil:
				if err == nil || !strings.Contains(err.Error(), test.text) {
					t.Errorf("error %v, want %q in it", err, test.text)
				}
				if !errors.Is(err, ErrBadKey) && !errors.Is(err, ErrAlgorithm) {
					t.Errorf("error %v is of no known kind", err)
				}
			case err != nil:
				t.Error(err)
			case !slices.Equal(set.IDs(), test.ids):
				t.Errorf("keys %v, want %v", set.IDs(), test.ids)
			}
		})
	}
}
