package doctor

import (
	"net/url"
	"strings"

	"github.com/revocast/revocast/internal/probe"
)

// A provider is known by where its endpoints are. What is known is from the sources
// that docs/OPERATIONS.md names, and may have changed since: the probes decide.
type provider struct {
	host  string // the endpoint's host, or what it ends in behind a dot
	grade probe.Grade
	text  string
}

const lacks = " lacked conditional writes (If-None-Match: *) when this was written, and publishing is unsafe without; if the probes below pass it has them now"

var providers = []provider{
	{"amazonaws.com", probe.OK, "Amazon S3 has conditional writes since August 2024"},
	{"r2.cloudflarestorage.com", probe.OK, "Cloudflare R2 has conditional writes"},
	{"scw.cloud", probe.OK, "Scaleway has conditional writes since May 2026"},
	{"cloud.ovh.net", probe.OK, "OVHcloud has conditional writes since June 2026"},
	{"storage.googleapis.com", probe.Warning, "Google Cloud Storage" + lacks + " (its XML API has x-goog-if-generation-match instead)"},
	{"backblazeb2.com", probe.Warning, "Backblaze B2" + lacks + " (it answered 501)"},
	{"aliyuncs.com", probe.Warning, "Alibaba Cloud OSS" + lacks + " (it has x-oss-forbid-overwrite instead)"},
	{"storage.tigris.dev", probe.Warning, "Tigris decides conditions reliably only with a header of its own (X-Tigris-Consistent), which is not sent: publish from one region alone"},
}

// known gives what is known of the provider at a store's address.
func known(address string) (probe.Finding, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" {
		return probe.Finding{}, false
	}
	host := "s3.amazonaws.com"
	if endpoint, err := url.Parse(u.Query().Get("endpoint")); err == nil && endpoint.Host != "" {
		host = strings.ToLower(endpoint.Hostname())
	}
	for _, p := range providers {
		if host == p.host || strings.HasSuffix(host, "."+p.host) {
			return probe.Finding{Probe: "provider", Grade: p.grade, Text: p.text}, true
		}
	}
	return probe.Finding{}, false
}
