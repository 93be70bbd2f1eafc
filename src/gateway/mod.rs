//! The HTTP server: routing by service, who is let in, request ids, S3, `/_sagebrush/`.
