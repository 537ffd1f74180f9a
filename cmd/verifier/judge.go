package main

import (
	"errors"
	"strings"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/command"
)

// A verdict is the answer about one token.
type verdict struct {
	Verdict string    `json:"verdict"` // ok, revoked, stale, not-covered, invalid
	Rules   []string  `json:"rules"`
	Why     string    `json:"why,omitempty"`
	Version uint64    `json:"version"` // of the list
	AsOf    time.Time `json:"as_of"`   // when that version was issued
}

func (v verdict) String() string {
	switch {
	case v.Verdict == "revoked":
		return "revoked " + strings.Join(v.Rules, ",")
	case v.Why != "" && v.Verdict != "stale":
		return v.Verdict + " " + v.Why
	}
	return v.Verdict
}

func (v verdict) code() int {
	switch v.Verdict {
	case "ok":
		return command.ExitOK
	case "revoked":
		return command.ExitFinding
	}
	return command.ExitError
}

// A judge gives verdicts.
type judge struct {
	list   *client.Client
	issuer *issuerKeys // nil: signatures and times are not checked
	now    func() time.Time

	keyless bool // there were claims without a header, and a rule for kid that could not be asked
}

// verdict judges a compact JWT, or a JSON object of claims.
func (j *judge) verdict(subject string) verdict {
	status := j.list.Status()
	v := verdict{Rules: []string{}, Version: status.Version, AsOf: status.IssuedAt.UTC()}
	var token client.Token
	var err error
	if strings.HasPrefix(subject, "{") {
		token, err = j.claims(subject)
	} else {
		token, err = j.token(subject)
	}
	if err != nil {
		v.Verdict, v.Why = "invalid", err.Error()
		return v
	}
	err = j.check(token)
	var revoked *client.RevokedError
	var stale *client.StaleError
	var notCovered *client.NotCoveredError
	switch {
	case err == nil:
		v.Verdict = "ok"
	case errors.As(err, &revoked):
		v.Verdict, v.Rules = "revoked", revoked.Rules
	case errors.As(err, &stale):
		v.Verdict, v.Why = "stale", err.Error()
	case errors.As(err, &notCovered):
		v.Verdict, v.Why = "not-covered", notCovered.Reason
	default:
		v.Verdict, v.Why = "invalid", err.Error()
	}
	return v
}

// check asks the list. Of claims that come without a header it asks everything else.
func (j *judge) check(token client.Token) error {
	err := j.list.Check(token)
	var unclear *client.ClaimError
	if token.Header == nil && errors.As(err, &unclear) && unclear.Claim == "kid" {
		j.keyless = true
		token.Header = map[string]any{"kid": "of no key, because there is no header"}
		err = j.list.Check(token)
	}
	return err
}

// claims takes an object for what a token would hold. It has no header.
func (j *judge) claims(object string) (client.Token, error) {
	if j.issuer != nil {
		return client.Token{}, errors.New("claims without a token have no signature that --jwks could verify")
	}
	claims, err := client.DecodeClaims([]byte(object))
	return client.Token{Claims: claims}, err
}

func (j *judge) token(compact string) (client.Token, error) {
	if compact == "" {
		return client.Token{}, errors.New("the token is empty")
	}
	token, err := client.ParseUnverified(compact)
	if err != nil || j.issuer == nil {
		return token, err
	}
	return token, j.issuer.verify(compact, token, j.now())
}
