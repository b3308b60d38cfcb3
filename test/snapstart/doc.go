// Package snapstart tests SnapStart with snapshots that are real: CRIU dumps bootstrap and R while
// they wait for the restore, and each test restores this image several times. The tests have the
// build tag criu, because they need root, and a CRIU that make test-snapstart unpacks.
package snapstart
