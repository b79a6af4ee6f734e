//! Samba's suite against the demo's cluster, by Kerberos of Samba's domain controller. About 15 s.

mod support;

use msrpc_tests::rpc::{
    kerberos::{
        self, Realm,
        domain::{self, Domain, NODE},
    },
    programs::Finished,
    smbtorture::Smbtorture,
};
use support::demo::Demo;

fn count(done: &Finished, what: &str) -> usize {
    done.output.lines().filter(|line| line.starts_with(what)).count()
}

/// Runs a test as a user of the domain.
async fn run(demo: &Demo, realm: &Realm, flags: &str, user: &str, test: &str) -> Option<Finished> {
    let smbtorture = Smbtorture::for_test()?;
    let flags = format!("{flags},target_hostname={}", realm.host(NODE));
    let login = format!("{user}@{}%{}", realm.name, domain::PASSWORD);
    Some(smbtorture.run_with(&["--use-kerberos=required"], demo.address(), &flags, Some(&login), test).await.unwrap())
}

/// Those in a group of the domain are administrators of the cluster; others are not let in.
#[test]
fn samba_s_suite_passes_for_the_administrators_of_a_domain() {
    const NAME: &str = "samba_s_suite_passes_for_the_administrators_of_a_domain";
    kerberos::test(NAME, Domain::for_test, |realm| async move {
        let keytab = realm.keytab(NODE).display().to_string();
        let admins = domain::group(&realm, 512).unwrap();
        for flags in ["seal,krb5", "seal", "seal,krb5,ndr64"] {
            let demo = Demo::with(&["--keytab", &keytab, "--administrator", &admins]);
            let Some(done) = run(&demo, &realm, flags, domain::ADMINISTRATOR, "rpc.clusapi").await else { return };
            let counted =
                (count(&done, "success:"), count(&done, "skip:"), count(&done, "failure:"), count(&done, "error:"));
            assert_eq!(counted, (66, 6, 0, 0), "{flags}: {done}\n{}", demo.log());
        }
        let demo = Demo::with(&["--keytab", &keytab, "--administrator", &admins]);
        let done = run(&demo, &realm, "seal,krb5", domain::USER, "rpc.clusapi.cluster.OpenCluster").await.unwrap();
        assert!(!done.success, "{done}");
        assert!(done.to_string().contains("WERR_ACCESS_DENIED"), "{done}");
        // The document wants privacy.
        let done = run(&demo, &realm, "sign,krb5", domain::ADMINISTRATOR, "rpc.clusapi.cluster.OpenCluster").await;
        assert!(done.unwrap().to_string().contains("NT_STATUS_ACCESS_DENIED"));
    });
}
