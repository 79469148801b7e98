//! An authority that signs certificates, and the files that a process has of it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(86_400);

/// Signs certificates; nobody believes it but who is told to.
#[derive(Debug)]
pub struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate of the authority, PEM.
    pub pem: String,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct TestCertificate {
    pub chain: String,
    pub key: String,
}

impl TestAuthority {
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// As a process of an installation has it: named by default, for both directions, good for a day.
    #[must_use]
    pub fn certificate(&self) -> TestCertificate {
        self.certificate_for("amphi.internal", SystemTime::now() + DAY)
    }

    /// With another name, or another end.
    ///
    /// # Panics
    /// When the name is none.
    #[must_use]
    pub fn certificate_for(&self, name: &str, until: SystemTime) -> TestCertificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let since_1970 = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(until - 2 * DAY);
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(until);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        TestCertificate {
            chain: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A folder with the three files of `[internal_tls]`.
#[derive(Debug)]
pub struct TestTlsFiles(TempDir);

impl TestTlsFiles {
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn new(authorities: &[&TestAuthority], certificate: &TestCertificate) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.believe(authorities);
        files.show(certificate);
        files
    }

    /// Of an authority of its own.
    #[must_use]
    pub fn any() -> Self {
        let authority = TestAuthority::new("test");
        Self::new(&[&authority], &authority.certificate())
    }

    /// Replaces the authorities.
    ///
    /// # Panics
    /// When the folder is gone.
    pub fn believe(&self, authorities: &[&TestAuthority]) {
        let pem: String = authorities.iter().map(|it| it.pem.as_str()).collect();
        self.put("ca.pem", &pem);
    }

    /// Replaces certificate and key, as one who does it by hand: one after the other.
    ///
    /// # Panics
    /// When the folder is gone.
    pub fn show(&self, certificate: &TestCertificate) {
        self.put("certificate.pem", &certificate.chain);
        self.put("key.pem", &certificate.key);
    }

    /// Replaces one file by whatever text.
    ///
    /// # Panics
    /// When the folder is gone.
    pub fn put(&self, file: &str, text: &str) {
        let beside = self.0.path().join("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.0.path().join(file)).unwrap();
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The settings that lead there, by dotted key.
    ///
    /// # Panics
    /// When the folder has no name.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |file: &str| self.0.path().join(file).to_str().unwrap().to_owned();
        vec![
            ("internal_tls.kind", "mutual".to_owned()),
            ("internal_tls.ca", path("ca.pem")),
            ("internal_tls.certificate", path("certificate.pem")),
            ("internal_tls.key", path("key.pem")),
        ]
    }
}
