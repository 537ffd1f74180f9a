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
	err = j.list.Check(token)
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

// claims takes an object for what a token would hold. Its header is empty: somebody
// who asks about claims knows that there is no kid.
func (j *judge) claims(object string) (client.Token, error) {
	if j.issuer != nil {
		return client.Token{}, errors.New("claims without a token have no signature that --jwks could verify")
	}
	claims, err := client.DecodeClaims([]byte(object))
	return client.Token{Claims: claims, Header: map[string]any{}}, err
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
