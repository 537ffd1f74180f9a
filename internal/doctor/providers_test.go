package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/probe"
)

func TestKnownProviders(t *testing.T) {
	for address, want := range map[string]probe.Grade{
		"s3://bucket/list": probe.OK, // AWS without an endpoint
		"s3://bucket?endpoint=https://s3.eu-central-1.amazonaws.com":        probe.OK,
		"s3://bucket/list?endpoint=https://abc.R2.cloudflarestorage.com":    probe.OK,
		"s3://bucket/list?endpoint=https://storage.googleapis.com":          probe.Warning,
		"s3://bucket/list?endpoint=https://s3.us-west-004.backblazeb2.com":  probe.Warning,
		"s3://bucket/list?endpoint=https://oss-cn-hangzhou.aliyuncs.com:80": probe.Warning,
		"s3://bucket/list?endpoint=https://notbackblazeb2.com":              "",
		"s3://bucket/list?endpoint=http://127.0.0.1:9000":                   "",
		"/srv/storage.googleapis.com":                                       "",
	} {
		finding, ok := known(address)
		require.Equal(t, want != "", ok, address)
		require.Equal(t, want, finding.Grade, address)
	}
}
