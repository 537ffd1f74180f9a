package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// A Token is what Check reads of a JWT whose signature the caller has verified.
type Token struct {
	// Claims is the payload: strings as string, numbers as float64, json.Number
	// or any integer type, times also as time.Time. Of other types Check minds only
	// claims that the list has a rule for.
	Claims map[string]any
	// Header is the JOSE header, of which Check reads kid: it has to be the name of the
	// key that the signature was verified with. As long as the list revokes any kid, a
	// header without one, or none at all, gives a *ClaimError.
	Header map[string]any
}

// maxToken bounds what is decoded of a token: no header of a request is larger.
const maxToken = 1 << 20

// ParseUnverified decodes a compact JWT (RFC 7519, section 3) without verifying
// anything: use it behind something that did, or to ask about a token that
// somebody else has to verify.
func ParseUnverified(compact string) (Token, error) {
	if len(compact) > maxToken {
		return Token{}, fmt.Errorf("the token has more than %d bytes", maxToken)
	}
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return Token{}, errors.New("a token has three parts with dots between them, and this one has not")
	}
	header, err := decodePart("header", parts[0])
	if err != nil {
		return Token{}, err
	}
	claims, err := decodePart("payload", parts[1])
	if err != nil {
		return Token{}, err
	}
	return Token{Claims: claims, Header: header}, nil
}

func decodePart(what, part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, fmt.Errorf("the token's %s is not base64url", what)
	}
	object, err := DecodeClaims(data)
	if err != nil {
		return nil, fmt.Errorf("the token's %s is not a JSON object", what)
	}
	return object, nil
}

// DecodeClaims decodes a JSON object of claims, keeping numbers as they are written.
func DecodeClaims(data []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var claims map[string]any
	if err := dec.Decode(&claims); err != nil || claims == nil {
		return nil, errors.New("the claims are not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("the claims are followed by something else")
	}
	return claims, nil
}

// numericDate reads a time claim as Unix seconds (RFC 7519, section 2), with
// whether there is one.
func (t *Token) numericDate(name string) (seconds float64, ok bool, err error) {
	v, ok := t.Claims[name]
	if !ok || v == nil {
		return 0, false, nil
	}
	switch v := v.(type) {
	case float64:
		seconds = v
	case int64:
		seconds = float64(v)
	case int:
		seconds = float64(v)
	case json.Number:
		if seconds, err = v.Float64(); err != nil {
			return 0, false, &ClaimError{name, "it is not a number of seconds", err}
		}
	case time.Time:
		seconds = float64(v.Unix()) + float64(v.Nanosecond())/1e9
	default:
		return 0, false, &ClaimError{name, "it is not a number of seconds", nil}
	}
	if math.IsNaN(seconds) || math.Abs(seconds) > 1<<53 {
		return 0, false, &ClaimError{name, "it is not a time", nil}
	}
	return seconds, true, nil
}

// claim gives the value that a rule's claim has in the token; ok is false if it has none.
func (t *Token) claim(name string) (value any, ok bool, err error) {
	if name == keyIDClaim {
		if t.Header == nil {
			return nil, false, &ClaimError{name, "the token's header was not handed over, and the list has a rule for it", nil}
		}
		// Some key signed the token, and it may be one that is revoked.
		if value = t.Header[name]; value == nil || value == "" {
			return nil, false, &ClaimError{name, "the token's header does not say which key signed it, and the list has a rule for that", nil}
		}
		return value, true, nil
	}
	value, ok = t.Claims[name]
	return value, ok && value != nil, nil
}
