package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/revocast/revocast/client"
)

// issuerKeys verify the issuer's tokens.
type issuerKeys struct{ set jwk.Set }

const maxJWKS = 4 << 20

// readIssuerKeys reads a JWKS file. Keys that are not for signatures, or that are
// symmetric, are left out: an issuer's public file makes no HMAC true.
func readIssuerKeys(path string) (*issuerKeys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys cannot be read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJWKS+1))
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys cannot be read: %w", err)
	}
	if len(data) > maxJWKS {
		return nil, fmt.Errorf("%s has more than %d bytes, so it is no JWKS", path, maxJWKS)
	}
	all, err := jwk.Parse(data, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys in %s are not a JWKS: %w", path, err)
	}
	keys := &issuerKeys{jwk.NewSet()}
	for i := range all.Len() {
		key, _ := all.Key(i)
		if key.KeyType() == jwa.OctetSeq || key.KeyUsage() != "" && key.KeyUsage() != "sig" {
			continue
		}
		public, err := key.PublicKey()
		if err != nil {
			continue
		}
		if err := keys.set.AddKey(public); err != nil {
			return nil, fmt.Errorf("the issuer's keys in %s: %w", path, err)
		}
	}
	if keys.set.Len() == 0 {
		return nil, fmt.Errorf("%s holds no key that verifies signatures", path)
	}
	return keys, nil
}

// verify checks the signature of a token (the key decides which algorithms may be)
// and that now lies between its nbf and its exp (RFC 7519, sections 4.1.4 and 4.1.5).
// From then on the header's kid is that of the key which made the signature.
func (k *issuerKeys) verify(compact string, token client.Token, now time.Time) error {
	var by jwk.Key
	_, err := jws.Verify([]byte(compact), jws.WithKeySet(k.set, jws.WithInferAlgorithmFromKey(true), jws.WithRequireKid(false)), jws.WithKeyUsed(&by))
	if err != nil {
		return errors.New("no key of the issuer made its signature")
	}
	if err := named(token.Header, by.KeyID()); err != nil {
		return err
	}
	if at, ok, err := date(token, "exp"); err != nil {
		return err
	} else if ok && !now.Before(at) {
		return fmt.Errorf("it expired at %s", at.UTC().Format(time.RFC3339))
	}
	if at, ok, err := date(token, "nbf"); err != nil {
		return err
	} else if ok && now.Before(at) {
		return fmt.Errorf("it is not good before %s", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// named makes sure that a header names the key that made the signature: jwx tries every
// key, whatever the header says, and a key that leaked and is revoked by its
// kid must not pass under another's name, or under none.
func named(header map[string]any, kid string) error {
	if kid == "" {
		return nil // the issuer's file gives the key no name, so the token's is all there is
	}
	if given := header["kid"]; given != nil && given != "" && given != kid {
		return fmt.Errorf("its kid is %q, and the key that made its signature is %q", fmt.Sprint(given), kid)
	}
	header["kid"] = kid
	return nil
}

func date(token client.Token, claim string) (at time.Time, ok bool, err error) {
	value, ok := token.Claims[claim]
	if !ok {
		return at, false, nil
	}
	number, ok := value.(json.Number)
	seconds, err := number.Float64()
	if !ok || err != nil || seconds < 0 || seconds > 1<<40 {
		return at, false, fmt.Errorf("its %s is not a time", claim)
	}
	return time.UnixMilli(int64(seconds * 1000)), true, nil
}
