package client

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseUnverified(t *testing.T) {
	token, err := ParseUnverified("eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJpIiwibiI6MTIzNDU2Nzg5MDEyMzQ1Njc4OX0.c2ln")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "ES256", "kid": "k"}, token.Header)
	require.Equal(t, json.Number("1234567890123456789"), token.Claims["n"], "numbers stay as they are written")
	for name, compact := range map[string]string{
		"nothing": "", "two parts": "e30.e30", "four parts": "e30.e30.e30.e30", "padding": "e30=.e30.e30", "no object": "W10.e30.e30",
		"null": "bnVsbA.e30.e30", "two values": "e317fQ.e30.e30", "more behind": "e30x.e30.x", "huge": strings.Repeat("e", 2<<20),
	} {
		_, err := ParseUnverified(compact)
		require.Error(t, err, name)
	}
}

func TestDecodeClaims(t *testing.T) {
	claims, err := DecodeClaims([]byte(" {\"iss\":\"x\"}\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"iss": "x"}, claims)
	for _, text := range []string{"", "null", "[]", `"x"`, `{"iss":"x"`, `{"iss":"x"}}`, `{"iss":"x"}]`, `{"iss":"x"}{}`, `{"iss":"x"} x`, `{"iss":"x"},`} {
		_, err := DecodeClaims([]byte(text))
		require.Error(t, err, text)
	}
}

func FuzzParseUnverified(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJpIiwiaWF0IjoxZTMsImV4cCI6LTF9.")
	f.Fuzz(func(t *testing.T, compact string) {
		token, err := ParseUnverified(compact)
		if err != nil {
			return
		}
		for _, name := range []string{"iat", "exp", "auth_time"} {
			token.numericDate(name)
		}
		token.claim("kid")
	})
}
