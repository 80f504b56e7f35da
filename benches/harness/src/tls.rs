//! TLS proxies in front of ports, with a certificate created for the run.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::{error::Result, options::Options};

/// TLS endpoints and the certificate bundles that trust them.
pub struct Tls {
    /// The URL of the database, as in `https://localhost:1234`.
    pub database: String,
    /// The URL of the issuer.
    pub issuer: String,
    /// The path of a bundle with Amazon's roots and the run's root.
    pub small_bundle: String,
    /// The path of a bundle with the system's roots and the run's root.
    pub system_bundle: String,
    /// The path of the run's root certificate.
    pub own_root: String,
}

/// Starts TLS proxies for the addresses of a database and an issuer.
pub async fn start(options: &Options, database: String, issuer: String) -> Result<Tls> {
    let mut authority = CertificateParams::new(vec!["bench".into()])?;
    // The name must differ from the certificate it signs, which would otherwise count as self-signed.
    authority.distinguished_name.push(DnType::CommonName, "bench root");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".into()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.der().clone()], key)?));
    let (database, issuer) = (listen(&acceptor, database).await?, listen(&acceptor, issuer).await?);

    let root = authority.pem();
    let amazon = fs::read_to_string(options.root.join("src/app/amazon-roots.pem"))?;
    let system = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    let system =
        system.iter().find_map(|path| fs::read_to_string(path).ok()).ok_or("the system has no certificates")?;
    Ok(Tls {
        database,
        issuer,
        own_root: write_file(options, "own.pem", &root)?,
        small_bundle: write_file(options, "small.pem", &format!("{amazon}{root}"))?,
        system_bundle: write_file(options, "system.pem", &format!("{system}{root}"))?,
    })
}

fn write_file(options: &Options, name: &str, content: &str) -> Result<String> {
    let path = options.output_folder().join(name);
    fs::write(&path, content)?;
    Ok(Path::canonicalize(&path)?.to_str().ok_or("the project's path is not UTF-8")?.to_owned())
}

/// Starts the proxy of a target. Returns its URL.
async fn listen(acceptor: &TlsAcceptor, target: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(accept(listener, acceptor.clone(), target));
    Ok(url)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, target: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, target) = (acceptor.clone(), target.clone());
        // The function reports a broken connection.
        tokio::spawn(async move {
            stream.set_nodelay(true).ok()?;
            let mut outside = acceptor.accept(stream).await.ok()?;
            let mut inside = TcpStream::connect(target).await.ok()?;
            inside.set_nodelay(true).ok()?;
            copy_bidirectional(&mut outside, &mut inside).await.ok()
        });
    }
}
